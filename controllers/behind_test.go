package controllers_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
)

// startAnew ends the operator and starts another, which knows of no pod what it was
// given.
func (w *world) startAnew() {
	w.t.Helper()
	w.stop()
	w.operator = startOperator(w.t, w.network)
}

// podWrites are the writes to pods since the last call.
func (w *world) podWrites() []string {
	return slices.DeleteFunc(w.writes.take(), func(write string) bool { return !strings.HasPrefix(write, "PATCH pods/") })
}

func (w *world) wantPodWrites(want ...string) {
	w.t.Helper()
	if got := w.podWrites(); !slices.Equal(got, want) {
		w.t.Errorf("writes to pods %v, want %v", got, want)
	}
}

// newsOf are the servers that the asker wakes the reconciler for.
func newsOf(t testing.TB, a *controllers.Asker) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	t.Helper()
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(q.ShutDown)
	if err := a.News().Start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	return q
}

// An operator that starts asks a pod before its first pass, and after that again. Nothing
// else wakes the reconciler for a pod that says the same, and is behind.
func TestAPodIsHeardThatWasAskedBeforeTheFirstPass(t *testing.T) {
	w := newWorld(t)
	s, one, two := w.withPods()
	two.hold("0000")
	one.hold("0000")
	w.startAnew()
	w.ask(s)
	w.settlePass(s)
	w.podWrites()
	q := newsOf(t, w.asker)
	w.ask(s)
	if q.Len() == 0 {
		t.Error("the reconciler is not woken")
	}
	w.settlePass(s)
	w.wantPodWrites("PATCH pods/a-1", "PATCH pods/a-2")
}

// unready is a pod of s whose runtime runs and has refused what it was given: it takes
// no requests, and is not asked.
func (w *world) unready(s *v1alpha1.SecuredMCPServer, suffix string) {
	w.t.Helper()
	p, _ := w.runningPod(s, suffix)
	w.updateStatus(p, func() {
		p.Status = running(p.Status.PodIP, -1e9)
		p.Status.Phase = corev1.PodRunning
		p.Status.Conditions[0].Status = corev1.ConditionFalse
		p.Status.ContainerStatuses[0].Ready = false
	})
}

// Pods that have been told of nothing, which is what most have, are told at once of what
// the first pass of an operator changes: what they say may be of before.
func TestTheFirstPassTellsPodsOfWhatItChanges(t *testing.T) {
	edit := func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.update(s, func() { s.Spec.RequiredScopes = nil })
	}
	tests := map[string]func(*world, *v1alpha1.SecuredMCPServer){
		"an edit": edit,
		"an edit by hand that it heals": func(w *world, s *v1alpha1.SecuredMCPServer) {
			cm := named(s, &corev1.ConfigMap{})
			w.update(cm, func() { cm.Data["config.json"] = "{}" })
		},
		"a ConfigMap that has gone": func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.delete(named(s, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}))
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, _, _ := w.withPods()
			w.unready(s, "unready")
			w.startAnew()
			change(w, s)
			w.settlePass(s)
			w.wantPodWrites("PATCH pods/a-1", "PATCH pods/a-2", "PATCH pods/a-unready")
			w.settle(s)
			w.settle(s)
			w.wantPodWrites()
		})
	}
}

// An operator that died between the ConfigMap and the pods leaves some behind that
// cannot be asked, and they are told when it starts.
func TestAPodThatIsNotReadyIsToldWhenTheOperatorStarts(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	w.unready(s, "unready")
	w.startAnew()
	w.settlePass(s)
	w.wantPodWrites("PATCH pods/a-unready")
	w.settle(s)
	w.settle(s)
	w.wantPodWrites()
}
