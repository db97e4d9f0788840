package controllers

import (
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// A status with another's condition changed would be written by each pass that fails,
// and each time be as it was.
func TestAPassThatFailsLeavesTheConditionsOfOthers(t *testing.T) {
	theirs := metav1.Condition{Type: "example.com/Audited", Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonReconciling, Message: "at it"}
	server := new(v1alpha1.SecuredMCPServer)
	server.Status.Conditions = []metav1.Condition{theirs}
	s := newScope(server)
	s.stumble(errors.New("gone"))
	if diff := gocmp.Diff(&theirs, meta.FindStatusCondition(s.status.Conditions, theirs.Type)); diff != "" {
		t.Errorf("theirs (-want +got):\n%s", diff)
	}
}
