package controllers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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

// changesOfConfigMaps are what has an operator write the ConfigMap.
var changesOfConfigMaps = map[string]func(*world, *v1alpha1.SecuredMCPServer){
	"an edit": func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.update(s, func() { s.Spec.RequiredScopes = nil })
	},
	"an edit by hand that it heals": func(w *world, s *v1alpha1.SecuredMCPServer) {
		cm := named(s, &corev1.ConfigMap{})
		w.update(cm, func() { cm.Data["config.json"] = "{}" })
	},
	"a ConfigMap that has gone": func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.delete(named(s, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}))
	},
}

// Pods that have been told of nothing, which is what most have, are told at once of what
// the first pass of an operator changes: what they say may be of before.
func TestTheFirstPassTellsPodsOfWhatItChanges(t *testing.T) {
	for name, change := range changesOfConfigMaps {
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

// An operator that died between the ConfigMap and the pods leaves some that say what they
// should and were told of nothing. Their kubelets may have brought them what was there
// before, and they load it when they have answered.
func TestPodsAreToldOfWhatAnOperatorChangedThatDied(t *testing.T) {
	for name, change := range changesOfConfigMaps {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, _, _ := w.withPods()
			nextSecond()
			change(w, s)
			w.writes.kill(&life{arrives: true})
			if err := w.attempt(s); !errors.Is(err, errKilled) {
				t.Fatalf("error %v, want %v", err, errKilled)
			}
			w.startAnew()
			w.settlePass(s)
			w.wantPodWrites("PATCH pods/a-1", "PATCH pods/a-2")
			w.settle(s)
			w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
			w.startAnew()
			w.settle(s)
			w.settle(s)
			w.wantPodWrites()
		})
	}
}

// nextSecond waits until what is written is later than what there is, by the whole
// seconds that the API server keeps.
func nextSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

// Pods that are made after the last change of the ConfigMap, be it in the same second,
// have mounted what it has: no operator tells them.
func TestPodsThatAreNewerThanTheConfigMapAreNotTold(t *testing.T) {
	change := func(w *world, s *v1alpha1.SecuredMCPServer) {
		nextSecond()
		w.update(s, func() { s.Spec.RequiredScopes, s.Spec.Workload.Image = nil, "registry.example.com/other:1" })
		w.settle(s)
		w.wantPodWrites("PATCH pods/a-1", "PATCH pods/a-2")
	}
	for name, come := range map[string]func(*world, *v1alpha1.SecuredMCPServer){
		"of a new server": func(*world, *v1alpha1.SecuredMCPServer) {},
		"of a scale-up": func(w *world, s *v1alpha1.SecuredMCPServer) {
			change(w, s)
			w.runningPod(s, "3")
		},
		"of a rollout": func(w *world, s *v1alpha1.SecuredMCPServer) {
			change(w, s)
			for before, now := range map[string]string{"1": "3", "2": "4"} {
				w.runningPod(s, now)
				w.settle(s)
				w.delete(w.podTemplate(s, before))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			w.serve(s, "1", "2")
			come(w, s)
			w.settle(s)
			w.settle(s)
			w.wantPodWrites()
			w.startAnew()
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
