package scale

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

var (
	objects = flag.Int("objects", 1000, "how many SecuredMCPServers there are")
	pause   = flag.Duration("rest", 30*time.Second, "how long nothing is changed, and nothing may be written")
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// world is an API server with a person's client.
type world struct {
	b      *testing.B
	client client.Client
	writes *writes
}

// BenchmarkScale creates objects at once and waits until the operator has
// accepted them all, which says that their children are applied; leaves it at
// rest; changes one object; changes all; and starts the operator anew. There is
// no kubelet, so no pod is annotated.
func BenchmarkScale(b *testing.B) {
	if b.N > 1 {
		b.Skip("once is enough: -benchtime 1x")
	}
	w := newWorld(b)
	operator := startOperator(b)
	b.ReportMetric(operator.memory(b), "MB-idle")

	begin := time.Now()
	w.each(func(s *v1alpha1.SecuredMCPServer) error { return w.client.Create(b.Context(), s) })
	w.awaitAll()
	b.ReportMetric(time.Since(begin).Seconds(), "s-all-accepted")
	operator.awaitIdle(b)
	b.ReportMetric(float64(w.writes.since(b)-*objects)/float64(*objects), "writes/object")
	b.ReportMetric(operator.memory(b), "MB")

	time.Sleep(*pause) // what is measured is that nothing happens meanwhile
	b.ReportMetric(float64(w.writes.since(b)), "writes-at-rest")

	w.change(server(0))
	operator.awaitIdle(b)
	b.ReportMetric(float64(w.writes.since(b)-1), "writes-for-one-change")

	begin = time.Now()
	w.each(w.update)
	w.awaitAll()
	b.ReportMetric(time.Since(begin).Seconds(), "s-all-changed")
	operator.awaitIdle(b)
	b.ReportMetric(float64(w.writes.since(b)-*objects)/float64(*objects), "writes/change")
	b.ReportMetric(operator.memory(b), "MB-after-changes")

	operator.stop(b)
	begin = time.Now()
	operator = startOperator(b)
	operator.awaitIdle(b)
	b.ReportMetric(time.Since(begin).Seconds(), "s-restart")
	b.ReportMetric(float64(w.writes.since(b)), "writes-after-restart")
	operator.stop(b)
	b.ReportMetric(0, "ns/op") // says nothing here
}

func newWorld(b *testing.B) *world {
	b.Helper()
	scheme := runtime.NewScheme()
	must(b, clientgoscheme.AddToScheme(scheme))
	must(b, v1alpha1.AddToScheme(scheme))
	c, err := client.New(kubetest.Config(b), client.Options{Scheme: scheme})
	must(b, err)
	must(b, c.Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	w := &world{b: b, client: c, writes: newWrites(b)}
	w.writes.since(b)
	return w
}

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

func (w *world) change(s *v1alpha1.SecuredMCPServer) {
	w.b.Helper()
	must(w.b, w.update(s))
	w.awaitAll()
}

// update moves a tool to another scope.
func (w *world) update(s *v1alpha1.SecuredMCPServer) error {
	patch := []byte(`[{"op": "replace", "path": "/spec/tools/0/scopes", "value": ["invoices:write"]}]`)
	if s.Name == "server-0" {
		patch = []byte(fmt.Sprintf(`[{"op": "replace", "path": "/spec/title", "value": "Changed at %d"}]`, time.Now().UnixNano()))
	}
	return w.client.Patch(w.b.Context(), s, client.RawPatch("application/json-patch+json", patch))
}

// awaitAll waits until the status of every server is about its newest spec and
// says that it is accepted.
func (w *world) awaitAll() {
	w.b.Helper()
	ctx, cancel := context.WithTimeout(w.b.Context(), 10*time.Minute)
	defer cancel()
	for {
		var all v1alpha1.SecuredMCPServerList
		must(w.b, w.client.List(ctx, &all, client.InNamespace(namespace)))
		done := 0
		for i := range all.Items {
			s := &all.Items[i]
			if s.Status.ObservedGeneration == s.Generation && meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionAccepted) {
				done++
			}
		}
		if done == *objects {
			return
		}
		select {
		case <-ctx.Done():
			w.b.Fatalf("%d of %d are accepted", done, *objects)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
