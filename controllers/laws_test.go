package controllers_test

import (
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// otherTypes are the conditions that Ready sums up, in its order.
var otherTypes = []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionAvailable, v1alpha1.ConditionExposed, v1alpha1.ConditionEnforced}

// checkLaws states what is true of conditions after a pass that went through.
func checkLaws(t testing.TB, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	ready := checkSummary(t, s)
	for _, c := range s.Status.Conditions {
		if c.ObservedGeneration != s.Generation {
			t.Errorf("%s is about generation %d, want %d", c.Type, c.ObservedGeneration, s.Generation)
		}
	}
	if s.Status.ObservedGeneration != s.Generation {
		t.Errorf("status is about generation %d, want %d", s.Status.ObservedGeneration, s.Generation)
	}
	checkReplicas(t, s)
	checkKstatus(t, s, ready)
}

// checkSummary states what is true of conditions whatever has happened, a pass
// that failed included: all are there, and Ready says no more than they do.
func checkSummary(t testing.TB, s *v1alpha1.SecuredMCPServer) bool {
	t.Helper()
	ready := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
	// Ready sums up the others, and says nothing of the issuer.
	issuer := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionIssuerDiscovered)
	if ready == nil || issuer == nil {
		t.Fatalf("conditions %v, want Ready and IssuerDiscovered among them", s.Status.Conditions)
	}
	checkPresent(t, s)
	want := &metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, Message: ready.Message, ObservedGeneration: s.Generation}
	for _, name := range otherTypes {
		c := meta.FindStatusCondition(s.Status.Conditions, name)
		if c == nil {
			t.Fatalf("no condition %s among %v", name, s.Status.Conditions)
		}
		if c.Status != metav1.ConditionTrue {
			want = c
			break
		}
		want.ObservedGeneration = min(want.ObservedGeneration, c.ObservedGeneration)
	}
	for _, c := range s.Status.Conditions {
		if c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero() {
			t.Errorf("%s is incomplete: %+v", c.Type, c)
		}
	}
	got := fmt.Sprintf("%s (%s: %s) of generation %d", ready.Status, ready.Reason, ready.Message, ready.ObservedGeneration)
	if want := fmt.Sprintf("%s (%s: %s) of generation %d", want.Status, want.Reason, want.Message, want.ObservedGeneration); got != want {
		t.Errorf("Ready is %s, want %s", got, want)
	}
	return want.Status == metav1.ConditionTrue
}

// hopeless are the reasons of Accepted beside which Stalled is there.
var hopeless = []string{"InvalidSpec", "HostNotAllowed", "ImageNotAllowed", "AnnotationNotAllowed", "LabelNotAllowed"}

// isStalled tells whether s has to be Stalled, and states that it then says why as
// Accepted does.
func isStalled(t testing.TB, s *v1alpha1.SecuredMCPServer) bool {
	t.Helper()
	accepted := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionAccepted)
	stalled := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionStalled)
	want := accepted.Status == metav1.ConditionFalse && slices.Contains(hopeless, accepted.Reason)
	switch {
	case want != (stalled != nil):
		t.Errorf("Stalled is there: %t, want %t beside Accepted %s (%s)", stalled != nil, want, accepted.Status, accepted.Reason)
	case want && (stalled.Status != metav1.ConditionTrue || stalled.Reason != accepted.Reason || stalled.Message != accepted.Message):
		t.Errorf("Stalled is %s (%s: %s), want True as Accepted says (%s: %s)", stalled.Status, stalled.Reason, stalled.Message, accepted.Reason, accepted.Message)
	}
	return want
}

// checkPresent states which conditions there are besides Ready, IssuerDiscovered and
// those that Ready sums up. Whether Monitored is among them is known of a status
// that is about the newest spec.
func checkPresent(t testing.TB, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	monitored := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionMonitored) != nil
	stale := s.Status.ObservedGeneration < s.Generation
	want := len(otherTypes) + 2
	if monitored {
		want++
	}
	if isStalled(t, s) {
		want++
	}
	if len(s.Status.Conditions) != want || monitored != (s.Spec.Monitoring != nil) && !stale {
		t.Fatalf("%d conditions %v, want %d", len(s.Status.Conditions), s.Status.Conditions, want)
	}
}

// otherPods are reasons why Enforced is not True though every pod of the server
// enforces the revision.
var otherPods = map[string]bool{v1alpha1.ReasonRollingOut: true, v1alpha1.ReasonPaused: true, v1alpha1.ReasonForeignPod: true, v1alpha1.ReasonChildRejected: true}

// checkReplicas states what is true of the counts, and of Enforced with them.
func checkReplicas(t testing.TB, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	n := s.Status.Replicas
	if n == nil {
		t.Error("status has no replicas")
		return
	}
	if n.Enforcing > n.Ready || n.Enforcing < 0 {
		t.Errorf("replicas %+v: more enforce than are ready", *n)
	}
	if want := fmt.Sprintf("%d/%d", n.Enforcing, n.Ready); s.Status.Enforced != want {
		t.Errorf("enforced is %q, want %q", s.Status.Enforced, want)
	}
	enforced := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionEnforced)
	all := n.Ready > 0 && n.Enforcing == n.Ready && s.Status.Revision != ""
	if got := enforced.Status == metav1.ConditionTrue; got != all && (!all || !otherPods[enforced.Reason]) {
		t.Errorf("Enforced is %s (%s), with replicas %+v at revision %q", enforced.Status, enforced.Reason, *n, s.Status.Revision)
	}
}

// conditions shows status and reason of every condition of s.
func conditions(s *v1alpha1.SecuredMCPServer) map[string]string {
	got := map[string]string{}
	for _, c := range s.Status.Conditions {
		got[c.Type] = string(c.Status) + " " + c.Reason
	}
	return got
}

func message(s *v1alpha1.SecuredMCPServer, condition string) string {
	return meta.FindStatusCondition(s.Status.Conditions, condition).Message
}

func (w *world) wantConditions(s *v1alpha1.SecuredMCPServer, accepted, available, exposed, enforced, ready string) {
	w.t.Helper()
	want := map[string]string{"Accepted": accepted, "Available": available, "Exposed": exposed, "Enforced": enforced, "Ready": ready}
	got := conditions(s)
	delete(got, "IssuerDiscovered") // has tests of its own
	delete(got, "Stalled")          // follows from Accepted; see isStalled
	if diff := gocmp.Diff(want, got); diff != "" {
		w.t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func (w *world) wantWrites(want ...string) {
	w.t.Helper()
	if diff := gocmp.Diff(want, w.writes.take(), cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// essence is o without what every write changes.
func essence(o client.Object) client.Object {
	c := o.DeepCopyObject().(client.Object)
	c.SetManagedFields(nil)
	c.SetResourceVersion("")
	c.SetGeneration(0)
	return c
}
