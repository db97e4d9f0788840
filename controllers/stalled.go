package controllers

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// stalling are the reasons of Accepted that time does not change, nor anything
// that happens to other objects. See docs/decisions/0046-stalled.md.
var stalling = map[string]bool{
	v1alpha1.ReasonInvalidSpec:          true,
	v1alpha1.ReasonHostNotAllowed:       true,
	v1alpha1.ReasonImageNotAllowed:      true,
	v1alpha1.ReasonAnnotationNotAllowed: true,
	v1alpha1.ReasonLabelNotAllowed:      true,
}

// stall has Stalled be there exactly while the spec is not accepted for such a
// reason.
func (s *scope) stall() {
	accepted := meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionAccepted)
	if accepted.Status != metav1.ConditionFalse || !stalling[accepted.Reason] {
		meta.RemoveStatusCondition(&s.status.Conditions, v1alpha1.ConditionStalled)
		return
	}
	stalled := *accepted
	stalled.Type, stalled.Status, stalled.LastTransitionTime = v1alpha1.ConditionStalled, metav1.ConditionTrue, metav1.Time{}
	meta.SetStatusCondition(&s.status.Conditions, stalled)
}
