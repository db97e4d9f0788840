package controllers

import (
	"cmp"
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
)

// withdrawIngress removes the Ingress of a server that is not accepted when what
// it serves belongs to an older server. Two Ingresses for one URL would leave it
// to the ingress controller who gets the requests. The pods keep running.
func (r *Reconciler) withdrawIngress(ctx context.Context, s *scope) error {
	if s.config != nil {
		return nil
	}
	ingress := new(networkingv1.Ingress)
	if err := r.own(ctx, s.server, ingress); err != nil {
		return fmt.Errorf("reading Ingress: %w", err)
	}
	if ingress.UID == "" && s.server.Spec.Exposure.Ingress == nil {
		return nil
	}
	// What it serves is what it had accepted last, if anything.
	served := cmp.Or(s.status.URL, s.server.Spec.Resource)
	older, err := r.olderClaim(ctx, s.server, claimsOf(served, true))
	if err != nil {
		return fmt.Errorf("looking for other claims of %s: %w", served, err)
	}
	if older == nil {
		return nil
	}
	s.evictedBy, s.evictedFrom = older, served
	if err := r.remove(ctx, s, &child{kind: kindIngress, live: ingress}); err != nil {
		return fmt.Errorf("withdrawing Ingress: %w", err)
	}
	return nil
}
