package controllers

import (
	"cmp"
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
)

// withdrawIngress removes the Ingress of a server that is not accepted when what
// it serves belongs to an older server, or has a host that its namespace may not
// use. Two Ingresses for one URL would leave it to the ingress controller who
// gets the requests. The pods keep running.
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
	if objection := r.policy.objectToResource(s.server.Namespace, served); objection != nil {
		s.objection = objection
		return r.withdraw(ctx, s, ingress)
	}
	older, err := r.olderClaim(ctx, s.server, claimsOf(served, true))
	if err != nil {
		return fmt.Errorf("looking for other claims of %s: %w", served, err)
	}
	if older == nil {
		return nil
	}
	s.evictedBy, s.evictedFrom = older, served
	return r.withdraw(ctx, s, ingress)
}

func (r *Reconciler) withdraw(ctx context.Context, s *scope, ingress *networkingv1.Ingress) error {
	if err := r.remove(ctx, s, &child{kind: kindIngress, live: ingress}); err != nil {
		return fmt.Errorf("withdrawing Ingress: %w", err)
	}
	return nil
}
