package controllers_test

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// checkLaws states what is true of conditions whatever has happened.
func checkLaws(t testing.TB, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	types := []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionAvailable, v1alpha1.ConditionExposed, v1alpha1.ConditionEnforced}
	ready := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
	// Ready sums up the others, and says nothing of the issuer.
	issuer := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionIssuerDiscovered)
	if ready == nil || issuer == nil || len(s.Status.Conditions) != len(types)+2 {
		t.Fatalf("conditions %v, want Ready, IssuerDiscovered and exactly %v", s.Status.Conditions, types)
	}
	var first *metav1.Condition
	for _, name := range types {
		c := meta.FindStatusCondition(s.Status.Conditions, name)
		if c == nil {
			t.Fatalf("no condition %s among %v", name, s.Status.Conditions)
		}
		if c.Status != metav1.ConditionTrue && first == nil {
			first = c
		}
	}
	for _, c := range s.Status.Conditions {
		if c.ObservedGeneration != s.Generation {
			t.Errorf("%s is about generation %d, want %d", c.Type, c.ObservedGeneration, s.Generation)
		}
		if c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero() {
			t.Errorf("%s is incomplete: %+v", c.Type, c)
		}
	}
	if s.Status.ObservedGeneration != s.Generation {
		t.Errorf("status is about generation %d, want %d", s.Status.ObservedGeneration, s.Generation)
	}
	checkReplicas(t, s)
	checkKstatus(t, s, first == nil)
	switch {
	case first == nil && ready.Status != metav1.ConditionTrue:
		t.Errorf("Ready is %s (%s) though all others are True", ready.Status, ready.Reason)
	case first != nil && (ready.Status != first.Status || ready.Reason != first.Reason || ready.Message != first.Message):
		t.Errorf("Ready is %s (%s: %s), want those of %s: %s (%s: %s)",
			ready.Status, ready.Reason, ready.Message, first.Type, first.Status, first.Reason, first.Message)
	}
}

// otherPods are reasons why Enforced is not True though every pod of the server
// enforces the revision.
var otherPods = map[string]bool{v1alpha1.ReasonRollingOut: true, v1alpha1.ReasonPaused: true, v1alpha1.ReasonForeignPod: true}

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
