package controllers_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
	"github.com/securedmcp/operator/test/kubetest"
)

// runOperator runs the whole operator against the world until the test ends.
func runOperator(w *world) {
	w.t.Helper()
	runOperatorOn(w, kubetest.Config(w.t))
}

func runOperatorOn(w *world, cfg *rest.Config) {
	w.t.Helper()
	runManager(w, newManager(w.t, cfg))
}

func runManager(w *world, mgr ctrl.Manager) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if err := controllers.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		w.t.Fatal(err)
	}
	asker := controllers.NewAsker(mgr.GetClient(), w.network.client())
	prober := controllers.NewProber(mgr.GetAPIReader(), issuerprobe.NewClient(w.network.dial))
	reconciler := controllers.NewReconciler(mgr.GetClient(), mgr.GetAPIReader(), asker, prober, newAPIs(w.t, mgr), mgr.GetEventRecorder("test"), platform, controllers.Policy{})
	// Tests run several operators in one process, whose metrics then clash.
	opts := controller.Options{SkipNameValidation: new(true), MaxConcurrentReconciles: 2}
	if err := errors.Join(asker.SetupWithManager(mgr, opts), prober.SetupWithManager(mgr), reconciler.SetupWithManager(mgr, opts)); err != nil {
		w.t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			w.t.Errorf("stopping the operator: %v", err)
		}
	})
}

func (w *world) becomes(s *v1alpha1.SecuredMCPServer, condition, want string) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("status is of generation %d of %d: %v", s.Status.ObservedGeneration, s.Generation, s.Status.Conditions)
		}
	}()
	w.eventually(s.Name+" has "+condition+" "+want, func() bool {
		w.read(s)
		return conditions(s)[condition] == want && s.Status.ObservedGeneration == s.Generation
	})
	checkLaws(w.t, s)
}

func TestRunningOperatorFollowsEveryChange(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	s := w.server("a")
	w.create(s)
	w.becomes(s, "Ready", "False Progressing")

	t.Run("of the Deployment", func(t *testing.T) {
		w := w.in(t)
		w.makeAvailable(s)
		w.becomes(s, "Ready", "False IngressPending")
	})
	t.Run("of the Ingress", func(t *testing.T) {
		w := w.in(t)
		w.makeExposed(s)
		w.becomes(s, "Ready", "Unknown NoReadyReplicas")
	})
	t.Run("of what pods enforce", func(t *testing.T) {
		w.runningPod(s, "1") // for the tests that follow, too
		w.in(t).becomes(s, "Ready", "True Ready")
	})
	t.Run("of the spec, down to the pods", func(t *testing.T) {
		w := w.in(t)
		p := w.pod(s, "x", corev1.PodStatus{})
		before := s.Status.Revision
		w.update(s, func() { s.Spec.RequiredScopes = nil })
		w.eventually("the pod is told of the new revision", func() bool {
			w.read(s)
			w.read(p)
			return s.Status.Revision != before && strings.HasPrefix(p.Annotations[revisionAnnotation], s.Status.Revision+"-")
		})
	})
	t.Run("of a pod", func(t *testing.T) {
		w := w.in(t)
		w.makeUnavailable(s)
		w.becomes(s, "Available", "False Progressing")
		w.pod(s, "2", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "runtime", Image: "x", ImageID: "x", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no"}},
		}}})
		w.becomes(s, "Available", "False ImagePullFailed")
		w.makeAvailable(s)
		w.becomes(s, "Ready", "True Ready")
	})
	t.Run("of a child by hand", func(t *testing.T) {
		w := w.in(t)
		svc := named(s, &corev1.Service{})
		w.update(svc, func() { svc.Spec.Selector = map[string]string{"app": "evil"} })
		w.eventually("the Service is healed", func() bool {
			w.read(svc)
			return svc.Spec.Selector["app.kubernetes.io/instance"] == "a"
		})
	})
	for _, o := range []client.Object{&corev1.ServiceAccount{}, &corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}, &networkingv1.Ingress{}, &networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{}} {
		o := named(s, o)
		w.read(o)
		uid := o.GetUID()
		if err := w.person.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		w.eventually("a deleted child comes back", func() bool { return w.exists(o) && o.GetUID() != uid })
	}
	t.Run("of its own status by hand", func(t *testing.T) {
		w := w.in(t)
		w.updateStatus(s, func() { meta.RemoveStatusCondition(&s.Status.Conditions, v1alpha1.ConditionAccepted) })
		w.becomes(s, "Accepted", "True Accepted")
	})
}

func TestYoungerServerTakesOverWhenTheOlderGoesOrMoves(t *testing.T) {
	changes := map[string]func(w *world, older *v1alpha1.SecuredMCPServer){
		"goes": func(w *world, older *v1alpha1.SecuredMCPServer) {
			if err := w.person.Delete(w.t.Context(), older); err != nil {
				w.t.Fatal(err)
			}
		},
		"moves": func(w *world, older *v1alpha1.SecuredMCPServer) {
			w.update(older, func() { older.Spec.Resource += "/elsewhere" })
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			runOperator(w)
			older, younger := w.server("a"), w.server("b")
			younger.Spec.Resource = older.Spec.Resource
			w.create(older)
			w.becomes(older, "Accepted", "True Accepted")
			w.create(younger)
			w.becomes(younger, "Accepted", "False ResourceConflict")
			change(w, older)
			w.becomes(younger, "Accepted", "True Accepted")
		})
	}
}

// What a server serves stays its own while its newest spec cannot be served.
func TestAURLThatIsStillServedIsClaimed(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	older, younger := w.server("a"), w.server("b")
	own := older.Spec.Resource
	younger.Spec.Resource = own
	w.create(older)
	w.becomes(older, "Accepted", "True Accepted")
	w.update(older, func() {
		older.Spec.Resource += "/elsewhere"
		older.Spec.Scopes[0].Implies = []string{"invoices:write"} // a cycle
	})
	w.becomes(older, "Accepted", "False InvalidSpec")
	w.create(younger)
	w.becomes(younger, "Accepted", "False ResourceConflict")
	if got := message(younger, "Accepted"); !strings.Contains(got, "still serves, as "+own) {
		t.Errorf("the message does not say why: %s", got)
	}
	w.update(older, func() { older.Spec.Scopes[0].Implies = nil })
	w.becomes(older, "Accepted", "True Accepted")
	w.becomes(younger, "Accepted", "True Accepted")
}

// Who was evicted from a URL is free to ask for another one.
func TestAnEvictedServerMovesOn(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	older, younger := w.server("a"), w.server("b")
	w.create(older)
	w.becomes(older, "Accepted", "True Accepted")
	w.create(younger)
	w.becomes(younger, "Accepted", "True Accepted")
	w.update(older, func() { older.Spec.Resource = younger.Spec.Resource })
	w.becomes(younger, "Accepted", "False ResourceConflict")
	w.update(younger, func() { younger.Spec.Resource += "/elsewhere" })
	w.becomes(younger, "Accepted", "True Accepted")
}

func TestIngressComesBackWhenTheOlderServerMovesOn(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	older, younger := w.server("a"), w.server("b")
	w.create(older)
	w.becomes(older, "Accepted", "True Accepted")
	w.create(younger)
	w.becomes(younger, "Accepted", "True Accepted")
	ingress := named(younger, &networkingv1.Ingress{})
	own := older.Spec.Resource
	w.update(older, func() { older.Spec.Resource = younger.Spec.Resource })
	w.becomes(younger, "Exposed", "False ResourceConflict")
	w.eventually("the Ingress goes", func() bool { return !w.exists(ingress) })
	w.update(older, func() { older.Spec.Resource = own })
	w.becomes(younger, "Exposed", "False IngressPending")
	w.eventually("the Ingress comes back", func() bool { return w.exists(ingress) })
}

func TestEventTellsOfAChangeOfReadyOnce(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	s := w.server("a")
	w.create(s)
	w.becomes(s, "Ready", "False Progressing")
	w.runningPod(s, "1")
	w.makeAvailable(s)
	w.becomes(s, "Enforced", "True Enforced")
	w.becomes(s, "Ready", "False IngressPending")
	w.makeExposed(s)
	w.becomes(s, "Ready", "True Ready")
	w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} })
	w.becomes(s, "Ready", "False InvalidSpec")

	want := map[string]int{"Warning IngressPending": 1, "Normal Ready": 1, "Warning InvalidSpec": 1}
	var got map[string]int
	w.eventually("three events", func() bool {
		var events eventsv1.EventList
		if err := w.person.List(t.Context(), &events, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		got = map[string]int{}
		for _, e := range events.Items {
			got[e.Type+" "+e.Reason]++
		}
		return len(got) >= len(want)
	})
	for event, count := range got {
		if want[event] != count {
			t.Errorf("event %q %d times, want %d; all: %v", event, count, want[event], got)
		}
	}
}
