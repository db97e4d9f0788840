package manifests_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/test/kubetest"
)

// A leader that is frozen for longer than its lease, and goes on, finds everything
// changed: its watches tell it so at once, and another has the lease. It must not
// act on that, and end.
func TestAnOperatorThatWasFrozenWritesNothingMore(t *testing.T) {
	admin := newAdmin(t)
	createNamespace(t, admin, "frozen")
	values := []string{"--set", "fullnameOverride=frozen,namespaces={frozen},rbac.aggregate=false"}
	install(t, admin, values...)
	program := buildProgram(t)
	old := startRacer(t, program, values)
	var servers []client.Object
	for _, name := range []string{"a", "b", "c", "d"} {
		s := sample(t)
		s.Name, s.Namespace, s.Spec.Resource = name, "frozen", "https://frozen.example.com/"+name
		must(t, admin.Create(t.Context(), s))
		wait(t, name+" is worked on", func() bool { return ready(t, admin, s) == "False Progressing" })
		servers = append(servers, s)
	}
	leader := holderOf(t, admin, "frozen")

	old.signal(t, syscall.SIGSTOP)
	heir := startRacer(t, program, values)
	wait(t, "the other takes over", func() bool { h := holderOf(t, admin, "frozen"); return h != "" && h != leader })
	must(t, admin.Delete(t.Context(), service("a")))
	wait(t, "the other acts", func() bool {
		return admin.Get(t.Context(), client.ObjectKey{Namespace: "frozen", Name: "a"}, new(corev1.Service)) == nil
	})

	// The heir must not be quicker at what the old one is tempted to do.
	heir.signal(t, syscall.SIGSTOP)
	for _, s := range servers {
		must(t, admin.Delete(t.Context(), service(s.GetName())))
	}
	old.wire.take()
	old.signal(t, syscall.SIGCONT)
	err := old.end(t)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want status 1: something has to start it anew\n%s", err, old.log.String())
	}
	if writes := old.wire.take(); len(writes) > 0 {
		t.Errorf("it wrote %v after its lease had gone to another", writes)
	}
	if old.wire.reads() == 0 {
		t.Error("it did not even look who has the lease: its requests are not seen")
	}
	if now := holderOf(t, admin, "frozen"); now == leader {
		t.Errorf("%s has the lease again", now)
	}
}

// racer is one of several operators that want the same lease.
type racer struct {
	cmd   *exec.Cmd
	log   syncBuffer
	wire  *wire
	ended chan error
}

func startRacer(t *testing.T, program string, values []string) *racer {
	t.Helper()
	r := &racer{wire: newWire(t), ended: make(chan error, 1)}
	r.cmd = exec.Command(program, programArgs(t, kubeconfigAt(t, r.wire.url, "frozen"), values...)...)
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	must(t, r.cmd.Start())
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

func (r *racer) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	must(t, r.cmd.Process.Signal(s))
}

// end returns how the process ended.
func (r *racer) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(2 * time.Minute):
		t.Fatalf("it does not end:\n%s", r.log.String())
		return nil
	}
}

// wire is the way of one process to the API server.
type wire struct {
	url string

	mu     sync.Mutex
	writes []string
	looks  int
}

func newWire(t *testing.T) *wire {
	t.Helper()
	cfg := kubetest.Config(t)
	transport, err := rest.TransportFor(cfg)
	must(t, err)
	target, err := url.Parse("https://" + strings.Trim(strings.TrimPrefix(cfg.Host, "https://"), "/"))
	must(t, err)
	w := new(wire)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,                         // watches
		ErrorLog:      log.New(io.Discard, "", 0), // they end with the process
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.note(r)
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.url = server.URL
	return w
}

func (w *wire) note(r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodGet {
		w.looks++
		return
	}
	w.writes = append(w.writes, r.Method+" "+r.URL.Path)
}

// take returns the writes since the last call, and forgets the reads.
func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.writes
	w.writes = nil
	return taken
}

func (w *wire) reads() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks
}

func holderOf(t *testing.T, admin client.Client, lease string) string {
	t.Helper()
	var l coordinationv1.Lease
	must(t, admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: lease}, &l))
	if l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

func service(name string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "frozen", Name: name}}
}
