package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
)

// podNetwork leads the addresses of pods, and of issuers, to listeners of this
// process.
type podNetwork struct {
	mu        sync.Mutex
	listeners map[string]string
	// questions are under way; most is how many were at once.
	questions, most atomic.Int32
}

func newPodNetwork() *podNetwork { return &podNetwork{listeners: map[string]string{}} }

// join gives a listener the next pod IP.
func (n *podNetwork) join(listener string) (ip string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ip = fmt.Sprintf("10.0.0.%d", len(n.listeners)+1)
	n.listeners[net.JoinHostPort(ip, "9090")] = listener
	return ip
}

// lead has a host and port lead to a listener.
func (n *podNetwork) lead(address, listener string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[address] = listener
}

func (n *podNetwork) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	listener, ok := n.listeners[address]
	n.mu.Unlock()
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("nobody has %s: %w", address, syscall.EHOSTUNREACH)}
	}
	return new(net.Dialer).DialContext(ctx, network, listener)
}

// client is the operator's client, but for where addresses lead, and that it
// counts.
func (n *podNetwork) client() *http.Client {
	pods := controllers.NewPodClient()
	pods.Transport.(*http.Transport).DialContext = n.dial
	transport := pods.Transport
	pods.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		now := n.questions.Add(1)
		defer n.questions.Add(-1)
		for most := n.most.Load(); now > most && !n.most.CompareAndSwap(most, now); {
			most = n.most.Load()
		}
		return transport.RoundTrip(r)
	})
	return pods
}

// fakeRuntime is the admin listener of one pod.
type fakeRuntime struct {
	mu   sync.Mutex
	says func() configStatus
	*httptest.Server
}

type configStatus struct {
	Revision string `json:"revision"`
	Error    string `json:"error"`
}

func (r *fakeRuntime) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.says == nil {
		panic(http.ErrAbortHandler)
	}
	json.NewEncoder(w).Encode(r.says()) //nolint:errcheck // the operator may hang up
}

// say has the runtime give another answer from now on; nil is none.
func (r *fakeRuntime) say(says func() configStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.says = says
}

// hold has the runtime stay with one revision.
func (r *fakeRuntime) hold(revision string) {
	r.say(func() configStatus { return configStatus{Revision: revision} })
}

func (r *fakeRuntime) refuse(revision, why string) {
	r.say(func() configStatus { return configStatus{Revision: revision, Error: why} })
}

// readyPod is the status of a pod at ip that gets requests.
func readyPod(ip string) corev1.PodStatus {
	return corev1.PodStatus{
		PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
}

// runningPod creates a ready pod of s whose runtime enforces what is in the
// ConfigMap.
func (w *world) runningPod(s *v1alpha1.SecuredMCPServer, suffix string) (*corev1.Pod, *fakeRuntime) {
	w.t.Helper()
	return w.podSaying(s, suffix, w.obedient(s))
}

// podSaying creates a ready pod of s that answers so.
func (w *world) podSaying(s *v1alpha1.SecuredMCPServer, suffix string, says func() configStatus) (*corev1.Pod, *fakeRuntime) {
	w.t.Helper()
	r := new(fakeRuntime)
	r.say(says)
	r.Server = httptest.NewServer(r)
	w.t.Cleanup(r.Close)
	return w.pod(s, suffix, readyPod(w.network.join(r.Listener.Addr().String()))), r
}

// obedient is what a runtime says that enforces what is in the ConfigMap.
func (w *world) obedient(s *v1alpha1.SecuredMCPServer) func() configStatus {
	cm := named(s, &corev1.ConfigMap{})
	return func() configStatus {
		if err := w.person.Get(context.Background(), client.ObjectKeyFromObject(cm), cm); err != nil {
			return configStatus{Error: err.Error()}
		}
		return configStatus{Revision: config.Revision([]byte(cm.Data["config.json"]))}
	}
}
