package controllers

import (
	"cmp"
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// observeExposure decides Exposed. An Ingress counts when its controller has
// given it an address, which is how controllers say that they route it. The
// operator reads no Secrets, so whether the certificate exists is not known here.
func (r *Reconciler) observeExposure(ctx context.Context, s *scope) error {
	if c := s.trouble(kindIngress); c != nil {
		s.notExposed(c, v1alpha1.ReasonIngressRejected)
		return nil
	}
	if s.objection != nil {
		s.no(v1alpha1.ConditionExposed, s.objection.reason, "there is no Ingress: "+s.objection.message)
		return nil
	}
	if s.evictedBy != nil {
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonResourceConflict, fmt.Sprintf(
			"there is no Ingress for %s, which belongs to the older SecuredMCPServer %s", s.evictedFrom, client.ObjectKeyFromObject(s.evictedBy)))
		return nil
	}
	if s.server.Spec.Exposure.Ingress == nil && s.config != nil {
		s.clusterLocal()
		return nil
	}
	var ingress networkingv1.Ingress
	if err := r.own(ctx, s.server, &ingress); err != nil {
		return fmt.Errorf("reading Ingress: %w", err)
	}
	if ready, err := r.observeCertificate(ctx, s); !ready || err != nil {
		return err
	}
	s.judgeExposure(&ingress)
	return nil
}

// judgeExposure sets Exposed from what is routed, which for a spec that is not
// accepted is what was accepted last.
func (s *scope) judgeExposure(ingress *networkingv1.Ingress) {
	switch {
	case ingress.UID == "" && s.server.Spec.Exposure.Ingress == nil:
		s.clusterLocal()
	case ingress.UID == "":
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressPending, "there is no Ingress: this spec has not been accepted")
	case len(ingress.Status.LoadBalancer.Ingress) == 0:
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressPending, "no ingress controller has given the Ingress an address"+class(ingress))
	case s.config == nil:
		s.yes(v1alpha1.ConditionExposed, v1alpha1.ReasonExposed, "the Ingress has an address; it routes what was accepted last: "+cmp.Or(s.status.URL, "unknown"))
	default:
		s.yes(v1alpha1.ConditionExposed, v1alpha1.ReasonExposed, "the Ingress has an address")
	}
}

// notExposed tells of the trouble with a child that exposes the server; rejected is
// the reason by which Exposed says that it was.
func (s *scope) notExposed(trouble *cause, rejected string) {
	reason := trouble.reason
	if reason == v1alpha1.ReasonChildRejected {
		reason = rejected
	}
	s.no(v1alpha1.ConditionExposed, reason, trouble.message)
}

func (s *scope) clusterLocal() {
	s.yes(v1alpha1.ConditionExposed, v1alpha1.ReasonClusterLocal, "no exposure is asked for: the Service is reachable inside of the cluster")
}

func class(ingress *networkingv1.Ingress) string {
	if ingress.Spec.IngressClassName == nil {
		return "; it names no class and there is no default class"
	}
	return fmt.Sprintf("; its class is %s", *ingress.Spec.IngressClassName)
}
