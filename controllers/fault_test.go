package controllers_test

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// attempt runs a pass that may fail.
func (w *world) attempt(s *v1alpha1.SecuredMCPServer) error {
	w.t.Helper()
	_, err := w.pass(s)
	w.checkWritten(s)
	return err
}

// checkWritten checks the laws that hold at any time, once there is a status. One
// that is about the newest spec is held to all of them.
func (w *world) checkWritten(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	switch {
	case len(s.Status.Conditions) == 0:
	case s.Status.ObservedGeneration == s.Generation:
		checkLaws(w.t, s)
	default:
		checkSummary(w.t, s)
	}
}

func TestFirstPassThatFailsSaysWhyAndTheNextOneGoesOn(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.writes.fail("PATCH services/a")
	err := w.attempt(s)
	if err == nil || errors.Is(err, reconcile.TerminalError(nil)) {
		t.Fatalf("error %v, want one that is tried again", err)
	}
	w.wantConditions(s, "True Accepted", "Unknown Reconciling", "False IngressPending", "Unknown Reconciling", "Unknown Reconciling")
	if got, want := message(s, "Ready"), "trying again after: applying Service: range is full"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if s.Status.ObservedGeneration != 0 {
		t.Errorf("status claims to be about generation %d, which no pass has observed", s.Status.ObservedGeneration)
	}
	w.writes.fail("")
	w.writes.take()
	w.settle(s)
	w.wantWrites("PATCH securedmcpservers/a/status", "PATCH services/a")
	w.wantConditions(s, "True Accepted", "False Progressing", "False IngressPending", "Unknown NoReadyReplicas", "False Progressing")
}

func TestFailedPassMakesNoServerLessReady(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() { s.Spec.Title = "another" })
	w.writes.fail("PATCH configmaps/a")
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	if s.Status.ObservedGeneration != 1 {
		t.Errorf("status claims to be about generation %d, want 1: the new one is not served", s.Status.ObservedGeneration)
	}
	w.writes.fail("")
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// While the status says of the spec before that it is enforced, its revision is that
// of then, whatever the pods have been given since.
func TestRevisionOfAPassThatFailedIsNotCalledEnforced(t *testing.T) {
	w := newWorld(t)
	s, one, two := w.withPods()
	before := s.Status
	one.hold(before.Revision)
	two.hold(before.Revision)
	w.update(s, func() {
		s.Spec.RequiredScopes, s.Spec.Tools, s.Spec.Workload.Replicas = nil, s.Spec.Tools[:1], new(int32(3))
	})
	w.writes.fail("PATCH deployments/a")
	for range 2 {
		if err := w.attempt(s); err == nil {
			t.Fatal("no error")
		}
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
		s.Status.Conditions = before.Conditions
		if diff := gocmp.Diff(before, s.Status); diff != "" {
			t.Errorf("status (-before +now):\n%s", diff)
		}
		w.ask(s)
	}
	w.writes.fail("")
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Propagating", "False Propagating")
}

// The status is what a pass learned. When it cannot be written, nothing else is
// lost, and it is written next time.
func TestStatusThatCannotBeWrittenIsWrittenNextTime(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.writes.fail("PATCH securedmcpservers/a/status")
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	w.writes.fail("")
	w.writes.take()
	w.settle(s)
	w.wantWrites("PATCH securedmcpservers/a/status")
}

// A webhook that is down, or a quota service: whatever keeps one child from being
// applied keeps no revocation from the pods, and people hear of it.
func TestOneChildThatCannotBeAppliedKeepsNothingElseFromIt(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	w.update(s, func() { s.Spec.RequiredScopes, s.Spec.Workload.Replicas = nil, new(int32(3)) })
	w.delete(named(s, &policyv1.PodDisruptionBudget{}))
	w.writes.fail("PATCH poddisruptionbudgets/a")
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	w.wantWrites("PATCH configmaps/a", "PATCH deployments/a", "PATCH poddisruptionbudgets/a", "PATCH pods/a-1", "PATCH pods/a-2", "PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a")
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	if s.Status.ObservedGeneration != 1 {
		t.Errorf("status claims to be about generation %d, want 1 until all is applied", s.Status.ObservedGeneration)
	}
	w.ask(s)
	w.reconciler.LoseHope(client.ObjectKeyFromObject(s))
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	w.wantConditions(s, "True Accepted", "False ChildRejected", "True Exposed", "True Enforced", "False ChildRejected")
	w.wantMessage(s, "Available", "applying PodDisruptionBudget fails and is tried again: range is full")
	if s.Status.ObservedGeneration != s.Generation {
		t.Errorf("status is about generation %d, want %d", s.Status.ObservedGeneration, s.Generation)
	}
	w.writes.fail("")
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// What the pods enforce is then what the spec asked for before.
func TestConfigMapThatCannotBeAppliedIsNotEnforced(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	w.update(s, func() { s.Spec.RequiredScopes, s.Spec.Workload.Image = nil, "registry.example.com/other:1" })
	w.writes.fail("PATCH configmaps/a")
	w.reconciler.LoseHope(client.ObjectKeyFromObject(s))
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	w.wantConditions(s, "True Accepted", "False ChildRejected", "True Exposed", "False ChildRejected", "False ChildRejected")
	w.wantMessage(s, "Enforced", "the pods are not given what the spec asks for: applying ConfigMap fails and is tried again: range is full")
	w.wantWrites("PATCH configmaps/a", "PATCH securedmcpservers/a/status") // no half of the edit
}

func TestNoPodIsMadeWithoutItsNetworkPolicy(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.writes.fail("PATCH networkpolicies/a")
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	if w.exists(named(s, &appsv1.Deployment{})) {
		t.Error("there is a Deployment")
	}
	w.writes.fail("")
	w.settle(s)
	if !w.exists(named(s, &appsv1.Deployment{})) {
		t.Error("there is no Deployment")
	}
}

func TestOnePodThatCannotBeToldKeepsNoOtherFromIt(t *testing.T) {
	w := newWorld(t)
	s, one, _ := w.withPods()
	before := s.Status.Revision
	one.hold(before)
	w.update(s, func() { s.Spec.RequiredScopes = nil })
	w.writes.fail("PATCH pods/a-1")
	if err := w.attempt(s); err == nil {
		t.Fatal("no error: nobody tries again")
	}
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2")
	if again := w.ask(s)["a-1"]; again > time.Second {
		t.Errorf("the pod that was not told is asked again in %s: its kubelet may bring the configuration sooner", again)
	}
	w.reconciler.LosePatience(client.ObjectKeyFromObject(s))
	_ = w.attempt(s)
	w.ask(s)
	_ = w.attempt(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Propagating", "False Propagating")
	w.wantMessage(s, "Enforced", "1 of 2 serving replicas enforce revision "+s.Status.Revision+": pod a-1 enforces revision "+before+", and telling it of another fails: range is full")
	one.hold(s.Status.Revision) // its kubelet has found out by itself
	if again := w.ask(s)["a-1"]; again < time.Minute {
		t.Errorf("the pod that enforces what it should is asked again in %s", again)
	}
	_ = w.attempt(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.writes.fail("")
	one.say(w.obedient(s))
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// Ready is never better than what it sums up.
func TestPassThatFailsAfterASpecWasNotAcceptedSaysSo(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("elsewhere.example.com"))
	w.writes.fail("DELETE ingresses/a")
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	w.wantConditions(s, "False HostNotAllowed", "True Available", "True Exposed", "Unknown NotAsked", "False HostNotAllowed")
}
