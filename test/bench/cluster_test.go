//go:build e2e

package bench

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/hack/demo/measure"
)

// These benchmarks measure the server that "make demo" leaves behind:
//
//	make demo
//	go test -tags e2e -run '^$' -bench 'ScopeChange|RuntimeStart' -benchtime 20x ./test/bench
const (
	tool  = "void_invoice"
	limit = time.Minute
	// minPause is more than the second in which a kubelet looks at containers.
	minPause = 2 * time.Second
)

var (
	key      = ctrlclient.ObjectKey{Namespace: "billing", Name: "billing-tools"}
	harmless = map[string]any{"invoiceId": "INV-0", "reason": "benchmark"}
)

// demoCluster is the cluster once the demo's server runs as it should.
func demoCluster(b *testing.B) *cluster.Cluster {
	b.Helper()
	project, err := cluster.FindProject()
	if err != nil {
		b.Fatal(err)
	}
	kubeconfig := cmp.Or(os.Getenv("KUBECONFIG"), filepath.Join(cluster.LocalState(), "kubeconfig"))
	c, err := cluster.Open(project, kubeconfig)
	if err != nil {
		b.Fatalf("%v; make demo starts the cluster", err)
	}
	poll(b, func() bool {
		done, _, err := c.RolledOut(b.Context(), key)
		if err != nil {
			b.Fatalf("%v; make demo starts the cluster", err)
		}
		return done
	})
	return c
}

// signIn returns a probe with a token that may do all the demo's server knows.
func signIn(b *testing.B, c *cluster.Cluster) client.Probe {
	b.Helper()
	var ingress networkingv1.Ingress
	if err := c.Get(b.Context(), key, &ingress); err != nil {
		b.Fatalf("%v; make demo applies the server", err)
	}
	authority, err := fixture.LoadAuthority(c.Project.Path("dist", "demo"))
	if err != nil {
		b.Fatal(err)
	}
	transport := client.NewTransport("example.com", ingress.Status.LoadBalancer.Ingress[0].IP, authority.Pool())
	server, err := c.Server(b.Context(), key)
	if err != nil {
		b.Fatal(err)
	}
	signedIn, err := client.New(server.Spec.Resource, transport)
	if err != nil {
		b.Fatal(err)
	}
	session, err := signedIn.Connect(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	token, err := signedIn.Token(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return client.Probe{Endpoint: server.Spec.Resource, Token: token, Transport: transport}
}

// BenchmarkScopeChange measures from the request that changes the object until
// the last replica, asked directly, decides by it. The token has invoices:read;
// the tool is moved behind another scope and back, and both ways count. Between
// two changes is a pause of some length: a kubelet looks at a pod again only
// after it has seen the pod's containers once more, which it does every second,
// so changes in a row would measure that second.
func BenchmarkScopeChange(b *testing.B) {
	c := demoCluster(b)
	probe := signIn(b, c)
	original, err := c.Server(b.Context(), key)
	if err != nil {
		b.Fatal(err)
	}
	scopes := toolScopes(b, original)
	b.Cleanup(func() { setScopes(b, c, scopes) })
	setScopes(b, c, []string{"invoices:read"})
	replicas, err := measure.Open(b.Context(), c, key)
	if err != nil {
		b.Fatal(err)
	}
	defer replicas.Close()
	waitStatus(b, replicas, probe, http.StatusOK)

	var took []time.Duration
	for b.Loop() {
		took = append(took,
			change(b, c, replicas, probe, "invoices:write", http.StatusForbidden),
			change(b, c, replicas, probe, "invoices:read", http.StatusOK))
	}
	report(b, took)
}

func change(b *testing.B, c *cluster.Cluster, replicas measure.Replicas, probe client.Probe, scope string, status int) time.Duration {
	pause := time.NewTimer(minPause + rand.N(time.Second))
	defer pause.Stop()
	<-pause.C
	start := time.Now()
	setScopes(b, c, []string{scope})
	return waitStatus(b, replicas, probe, status).Sub(start)
}

func waitStatus(b *testing.B, replicas measure.Replicas, probe client.Probe, status int) time.Time {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), limit)
	defer cancel()
	moments, err := replicas.Until(ctx, probe, tool, harmless, func(a *client.Answer) bool { return a.Status == status })
	if err != nil {
		b.Fatal(err)
	}
	return slices.MaxFunc(moments, time.Time.Compare)
}

func toolScopes(b *testing.B, server *v1alpha1.SecuredMCPServer) []string {
	b.Helper()
	i := slices.IndexFunc(server.Spec.Tools, func(t v1alpha1.Tool) bool { return t.Name == tool })
	if i < 0 {
		b.Fatalf("the server has no tool %s", tool)
	}
	return server.Spec.Tools[i].Scopes
}

func setScopes(b *testing.B, c *cluster.Cluster, scopes []string) {
	b.Helper()
	ctx := context.WithoutCancel(b.Context()) // the cleanup runs after the benchmark's own has ended
	server, err := c.Server(ctx, key)
	if err != nil {
		b.Fatal(err)
	}
	for i := range server.Spec.Tools {
		if server.Spec.Tools[i].Name == tool {
			server.Spec.Tools[i].Scopes = scopes
		}
	}
	if err := c.Update(ctx, server); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRuntimeStart measures a runtime in a pod, from the kernel's start of
// the process until its first configuration is in force: issuer discovered and
// keys fetched, over TLS and through the Ingress.
func BenchmarkRuntimeStart(b *testing.B) {
	c := demoCluster(b)
	var took []time.Duration
	for b.Loop() {
		took = append(took, startToReady(b, c, replaceOne(b, c)))
	}
	report(b, took)
}

// replaceOne deletes a pod and returns the name of the one that comes for it.
func replaceOne(b *testing.B, c *cluster.Cluster) string {
	b.Helper()
	before, err := c.Pods(b.Context(), key)
	if err != nil {
		b.Fatal(err)
	}
	known := map[string]bool{}
	for i := range before {
		known[before[i].Name] = true
	}
	if err := c.Delete(b.Context(), &before[0]); err != nil {
		b.Fatal(err)
	}
	var fresh string
	poll(b, func() bool {
		after, err := c.Pods(b.Context(), key)
		if err != nil {
			b.Fatal(err)
		}
		for i := range after {
			if !known[after[i].Name] && cluster.Trouble(&after[i]) == "" && len(after[i].Status.ContainerStatuses) > 0 {
				fresh = after[i].Name
			}
		}
		return fresh != ""
	})
	return fresh
}

func startToReady(b *testing.B, c *cluster.Cluster, pod string) time.Duration {
	b.Helper()
	replicas, err := measure.Open(b.Context(), c, key)
	if err != nil {
		b.Fatal(err)
	}
	defer replicas.Close()
	for _, replica := range replicas {
		if replica.Pod.Name == pod {
			took, err := replica.StartToReady(b.Context(), c)
			if err != nil {
				b.Fatal(err)
			}
			return took
		}
	}
	b.Fatalf("pod %s is gone", pod)
	return 0
}

func poll(b *testing.B, done func() bool) {
	b.Helper()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-timeout.C:
			b.Fatalf("not so after %s", limit)
		case <-tick.C:
		}
	}
}

// report gives the median, which one slow run does not move, and the slowest.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(0, "ns/op") // of no use here
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "slowest-ms")
	b.ReportMetric(float64(len(took)), "samples")
}
