package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// observeIssuer decides IssuerDiscovered by what the issuer answered last. Nothing
// else goes by it: the pods fetch metadata and keys themselves, and an issuer that
// is down makes no server less ready that has its keys.
func (r *Reconciler) observeIssuer(_ context.Context, s *scope) error {
	if r.prober == nil {
		s.unknown(v1alpha1.ConditionIssuerDiscovered, v1alpha1.ReasonProbeDisabled, "the operator asks no issuers (its --issuer-probe=false)")
		return nil
	}
	answer, answered := r.prober.issuers.of(client.ObjectKeyFromObject(s.server), questionOf(s.server))
	switch {
	case answered && answer.Fine():
		s.yes(v1alpha1.ConditionIssuerDiscovered, answer.Reason, answer.Message(&s.server.Spec))
	case answered:
		s.no(v1alpha1.ConditionIssuerDiscovered, answer.Reason, answer.Message(&s.server.Spec))
	case !s.saysOfIssuer():
		s.unknown(v1alpha1.ConditionIssuerDiscovered, v1alpha1.ReasonNotAsked, "the operator has not come to ask the issuer yet")
	}
	return nil
}

// saysOfIssuer tells whether the status has an answer to what this very spec asks.
// It stands until there is another: an operator that has just started has asked
// nobody, and that is no news of a thousand issuers.
func (s *scope) saysOfIssuer() bool {
	c := meta.FindStatusCondition(s.server.Status.Conditions, v1alpha1.ConditionIssuerDiscovered)
	return c != nil && c.ObservedGeneration == s.server.Generation &&
		c.Reason != v1alpha1.ReasonProbeDisabled && c.Reason != v1alpha1.ReasonReconciling
}
