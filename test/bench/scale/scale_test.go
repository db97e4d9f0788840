package scale

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

var (
	objects = flag.Int("objects", 1000, "how many SecuredMCPServers there are")
	pause   = flag.Duration("rest", 30*time.Second, "how long nothing is changed, and nothing may be written; all servers are resynced in the middle")
	bounds  = flag.Bool("bounds", false, "fail when a figure misses its aim, which is for 1000 objects on two idle cores")
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// BenchmarkScale creates objects at once and waits until the operator has
// accepted them all, which says that their children are applied; gives them
// pods; leaves them at rest; changes one; changes all; and starts the operator
// anew.
func BenchmarkScale(b *testing.B) {
	if b.N > 1 {
		b.Skip("once is enough: -benchtime 1x")
	}
	w, program := newWorld(b), buildOperator(b)
	token := operatorToken(b, w.client)
	operator := startOperator(b, program, token)
	w.figure("MB-idle", operator.memory(b))

	idle := w.requests.cpu(b)
	w.time("s-all-accepted", func() {
		w.each(func(s *v1alpha1.SecuredMCPServer) error { return w.client.Create(b.Context(), s) })
		w.await(w.accepted)
	})
	w.figure("ms-cpu/accepted", w.perObject(operator.cpu(b)))
	w.figure("ms-apiserver-cpu/accepted", w.perObject(w.requests.cpu(b)-idle))
	w.time("s-all-ready", func() {
		w.each(w.startPods)
		w.await(w.ready)
	})
	operator.awaitIdle(b)
	w.figure("writes/object", float64(w.requests.written(b))/float64(*objects))
	w.figure("reads/object", float64(w.requests.read(b))/float64(*objects))
	w.figure("MB", operator.memory(b))
	w.figure("ms-cpu/object", w.perObject(operator.cpu(b)))

	w.rest(operator)
	w.changeOne(operator)
	w.changeAll(operator)

	operator.stop(b)
	w.time("s-restart", func() {
		operator = startOperator(b, program, token)
		w.await(w.ready)
		operator.awaitIdle(b)
	})
	w.figure("writes-after-restart", float64(w.requests.written(b)))
	w.figure("MB-after-restart", operator.memory(b))
	operator.stop(b)
	b.ReportMetric(0, "ns/op") // says nothing here
}

// rest changes nothing. In the middle every server is resynced: an annotation
// that means nothing to the operator has it run a pass.
func (w *world) rest(operator *process) {
	w.b.Helper()
	time.Sleep(*pause / 2) // what is measured is that nothing happens meanwhile
	before := operator.cpu(w.b)
	w.each(func(s *v1alpha1.SecuredMCPServer) error {
		return w.patch(s, client.Merge.Type(), `{"metadata": {"annotations": {"bench.example.com/resync": "now"}}}`)
	})
	operator.awaitIdle(w.b)
	w.figure("ms-cpu/resync", w.perObject(operator.cpu(w.b)-before))
	time.Sleep(*pause / 2)
	w.figure("writes-at-rest", float64(w.requests.written(w.b)))
}

func (w *world) changeOne(operator *process) {
	w.b.Helper()
	w.time("s-one-changed", func() {
		must(w.b, w.patch(server(0), jsonPatch, `[{"op": "replace", "path": "/spec/title", "value": "Changed"}]`))
		w.await(w.ready)
	})
	operator.awaitIdle(w.b)
	w.figure("writes-for-one-change", float64(w.requests.written(w.b)))
}

// changeAll moves a tool of every server to another scope.
func (w *world) changeAll(operator *process) {
	w.b.Helper()
	w.time("s-all-changed", func() {
		w.each(func(s *v1alpha1.SecuredMCPServer) error {
			return w.patch(s, jsonPatch, `[{"op": "replace", "path": "/spec/tools/0/scopes", "value": ["invoices:write"]}]`)
		})
		w.await(w.ready)
	})
	operator.awaitIdle(w.b)
	w.figure("writes/change", float64(w.requests.written(w.b))/float64(*objects))
	w.figure("MB-after-changes", operator.memory(w.b))
}

const jsonPatch = "application/json-patch+json"

const namespace = "scale"

// server is the sample under its n-th name.
func server(n int) *v1alpha1.SecuredMCPServer {
	raw, err := os.ReadFile("../../../config/samples/billing-tools.yaml")
	s := new(v1alpha1.SecuredMCPServer)
	if err == nil {
		err = yaml.UnmarshalStrict(raw, s)
	}
	if err != nil {
		panic(err) // a file of the repository
	}
	s.Name, s.Namespace = fmt.Sprintf("server-%d", n), namespace
	s.Spec.Resource = fmt.Sprintf("https://mcp.example.com/%d", n)
	return s
}

// each does something with all servers, some at a time, as GitOps tools do.
func (w *world) each(do func(*v1alpha1.SecuredMCPServer) error) {
	w.b.Helper()
	const workers = 8
	errs := make(chan error, workers)
	for i := range workers {
		go func() {
			for n := i; n < *objects; n += workers {
				if err := do(server(n)); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range workers {
		must(w.b, <-errs)
	}
}

// time reports how long do takes.
func (w *world) time(figure string, do func()) {
	w.b.Helper()
	begin := time.Now()
	do()
	w.figure(figure, time.Since(begin).Seconds())
}

// aims are what the project promises for 1,000 objects on two idle cores.
var aims = map[string]float64{
	"s-all-accepted": 45, "writes/object": 12, "MB": 120, "MB-after-changes": 120, "writes-at-rest": 0,
	"writes-for-one-change": 4, "s-all-changed": 60, "writes-after-restart": 0,
}

// figure reports a figure, and with -bounds fails if it misses its aim.
func (w *world) figure(name string, value float64) {
	w.b.Helper()
	w.b.ReportMetric(value, name)
	if aim, ok := aims[name]; ok && *bounds && value > aim {
		w.b.Errorf("%s: %.1f, want %.0f at most", name, value, aim)
	}
}

// perObject is the part of each object, in milliseconds.
func (w *world) perObject(all time.Duration) float64 {
	return all.Seconds() * 1000 / float64(*objects)
}

func objectMeta(name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels}
}

var readyCondition = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
