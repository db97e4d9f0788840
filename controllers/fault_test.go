package controllers_test

import (
	"errors"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// attempt runs a pass that may fail.
func (w *world) attempt(s *v1alpha1.SecuredMCPServer) error {
	w.t.Helper()
	_, err := w.pass(s)
	return err
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
	w.wantConditions(s, "True Accepted", "Unknown Reconciling", "Unknown Reconciling", "Unknown Reconciling", "Unknown Reconciling")
	if got, want := message(s, "Ready"), "trying again after: applying Service: range is full"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if s.Status.ObservedGeneration != 0 {
		t.Errorf("status claims to be about generation %d, which no pass has observed", s.Status.ObservedGeneration)
	}
	w.writes.fail("")
	w.writes.take()
	w.settle(s)
	w.wantWrites("PATCH deployments/a", "PATCH ingresses/a", "PATCH networkpolicies/a", "PATCH poddisruptionbudgets/a",
		"PATCH securedmcpservers/a/status", "PATCH services/a")
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
