package controllers

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// observeExposure decides Exposed. An Ingress counts when its controller has
// given it an address, which is how controllers say that they route it. The
// operator reads no Secrets, so whether the certificate exists is not known here.
func (r *Reconciler) observeExposure(ctx context.Context, s *scope) error {
	if err := s.refused[kindIngress]; err != nil {
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressRejected, fmt.Sprintf("the API server refused %s: %v", kindIngress, err))
		return nil
	}
	if s.server.Spec.Exposure.Ingress == nil {
		s.yes(v1alpha1.ConditionExposed, v1alpha1.ReasonClusterLocal, "no exposure is asked for: the Service is reachable inside of the cluster")
		return nil
	}
	var ingress networkingv1.Ingress
	if err := r.own(ctx, s.server, &ingress); err != nil {
		return fmt.Errorf("reading Ingress: %w", err)
	}
	switch {
	case ingress.UID == "":
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressPending, "there is no Ingress: this spec has not been accepted")
	case len(ingress.Status.LoadBalancer.Ingress) == 0:
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressPending, "no ingress controller has given the Ingress an address"+class(&ingress))
	default:
		s.yes(v1alpha1.ConditionExposed, v1alpha1.ReasonExposed, "the Ingress has an address")
	}
	return nil
}

func class(ingress *networkingv1.Ingress) string {
	if ingress.Spec.IngressClassName == nil {
		return "; it names no class and there is no default class"
	}
	return fmt.Sprintf("; its class is %s", *ingress.Spec.IngressClassName)
}
