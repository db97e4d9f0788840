package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

// withdrawIngress removes the Ingress of a server that is not accepted when what
// it serves belongs to an older server, or when it has a host or annotations that
// are not allowed. Two Ingresses for one URL would leave it to the ingress
// controller who gets the requests. The pods keep running.
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
	objection, err := r.objectToServed(s, served, ingress)
	if err != nil {
		return err
	}
	if objection != nil {
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

// objectToServed judges what is exposed or, while nothing is, what is asked for.
func (r *Reconciler) objectToServed(s *scope, resource string, ingress *networkingv1.Ingress) (*objection, error) {
	if o := r.policy.objectToResource(s.server.Namespace, resource); o != nil {
		return o, nil
	}
	if ingress.UID == "" {
		return r.policy.objectToIngressAnnotations(s.server.Spec.Exposure.Ingress.Annotations), nil
	}
	applied, err := networkingv1ac.ExtractIngress(ingress, FieldOwner)
	if err != nil {
		return nil, fmt.Errorf("reading annotations of Ingress: %w", err)
	}
	given := maps.Clone(applied.Annotations)
	maps.DeleteFunc(given, desired.OwnIngressAnnotation)
	return r.policy.objectToIngressAnnotations(given), nil
}

func (r *Reconciler) withdraw(ctx context.Context, s *scope, ingress *networkingv1.Ingress) error {
	if err := r.remove(ctx, s, &child{kind: kindIngress, live: ingress}); err != nil {
		return fmt.Errorf("withdrawing Ingress: %w", err)
	}
	return r.withdrawCertificate(ctx, s)
}
