package controllers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/kubetest"
)

// silence is the address of a listener that takes questions and never answers.
func silence(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// One server has more silent pods than the operator asks at once; another one
// gets what it needs.
func TestPodsThatDoNotAnswerKeepNobodyWaiting(t *testing.T) {
	const questionsAtOnce = 32
	w := newWorld(t)
	runOperator(w)
	stuck, s := w.server("stuck"), w.server("a")
	w.create(stuck)
	w.becomes(stuck, "Accepted", "True Accepted")
	// A pod is asked ever more rarely, so all are to be asked from about the same
	// moment on.
	nobody, pods := silence(t), make([]*corev1.Pod, questionsAtOnce+8)
	for i := range pods {
		pods[i] = w.podTemplate(stuck, fmt.Sprint(i))
		w.create(pods[i])
	}
	for _, p := range pods {
		ready := readyPod(w.network.join(nobody))
		ready.Phase = corev1.PodRunning
		w.updateStatus(p, func() { p.Status = ready })
	}
	w.eventually("as many questions as there may be", func() bool { return w.network.most.Load() == questionsAtOnce })

	w.create(s)
	w.becomes(s, "Accepted", "True Accepted")
	w.makeAvailable(s)
	w.runningPod(s, "1")
	w.becomes(s, "Enforced", "True Enforced")
	w.update(s, func() { s.Spec.RequiredScopes = nil })
	w.becomes(s, "Enforced", "True Enforced")
	w.becomes(stuck, "Enforced", "False PodUnreachable")
	if most := w.network.most.Load(); most > questionsAtOnce {
		t.Errorf("%d questions at once, want at most %d", most, questionsAtOnce)
	}
}

// A server goes to another operator, by its labels, gets pods there, and comes back.
func TestOnlyPodsOfServersThatAreLookedAfterAreAsked(t *testing.T) {
	w := newWorld(t)
	ours := labels.Set{"team": w.namespace} // of no other test
	caching := controllers.CacheOptions()
	controllers.Select(caching, labels.SelectorFromSet(ours))
	runManager(w, newManagerWith(t, kubetest.Config(t), caching))
	s, other := w.server("a"), w.server("b")
	for _, server := range []*v1alpha1.SecuredMCPServer{s, other} {
		server.Labels = ours
		w.create(server)
		w.becomes(server, "Available", "False Progressing")
		w.makeAvailable(server)
	}
	w.update(other, func() { other.Labels = map[string]string{"team": "theirs"} })
	w.update(s, func() { s.Spec.RequiredScopes = nil })
	w.becomes(s, "Accepted", "True Accepted") // so that the operator has seen both edits
	var asked atomic.Int32
	says := w.obedient(other)
	w.podSaying(other, "1", func() configStatus {
		asked.Add(1)
		return says()
	})
	w.runningPod(s, "1")
	w.becomes(s, "Enforced", "True Enforced")
	if n := asked.Load(); n > 0 {
		t.Errorf("the pod of another operator's server was asked %d times", n)
	}

	w.update(other, func() { other.Labels = ours })
	w.becomes(other, "Enforced", "True Enforced")
}

// Nothing in the cluster changes when a runtime takes what it refused before.
func TestRefusalThatEndsIsNoticed(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	s := w.server("a")
	w.create(s)
	w.becomes(s, "Accepted", "True Accepted")
	w.makeAvailable(s)
	_, r := w.podSaying(s, "1", func() configStatus { return configStatus{Error: "no keys"} })
	w.becomes(s, "Enforced", "False ConfigRefused")
	r.say(w.obedient(s))
	w.becomes(s, "Enforced", "True Enforced")
}
