package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// observeExposure decides Exposed. An Ingress counts when its controller has
// given it an address, which is how controllers say that they route it, and an
// HTTPRoute when its Gateways accept it. The operator reads no Secrets, so whether
// the certificate exists is not known here.
func (r *Reconciler) observeExposure(ctx context.Context, s *scope) error {
	if s.unroutable() {
		return nil
	}
	routes, err := r.routes(ctx, s.server)
	if err != nil {
		return err
	}
	if s.serving != nil && !exposed(s.serving) {
		s.judgeEnding(routes)
		return nil
	}
	if ready, err := r.observeCertificate(ctx, s, routes); !ready || err != nil {
		return err
	}
	s.judgeExposure(leavingLast(routes))
	return nil
}

// judgeEnding sets Exposed where no route is asked for. One that somebody's finalizer
// keeps leads clients here until it has gone. Any other has gone, and the cache may
// hold it for a moment longer.
func (s *scope) judgeEnding(routes []child) {
	i := slices.IndexFunc(routes, func(c child) bool { return len(c.live.GetFinalizers()) > 0 })
	if i < 0 {
		s.clusterLocal()
		return
	}
	s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonRouteEnding, fmt.Sprintf(
		"no exposure is asked for, and the %s that was is still there; it goes when nobody holds it any more by the finalizers %s",
		routes[i].kind, strings.Join(routes[i].live.GetFinalizers(), ", ")))
	s.expect(v1alpha1.ConditionExposed, propagationPatience)
}

// unroutable sets Exposed if there cannot be the route that is asked for.
func (s *scope) unroutable() bool {
	ingress, gateway := s.trouble(kindIngress), s.trouble(httpRoute.kind)
	switch {
	case ingress != nil:
		s.notExposed(ingress, v1alpha1.ReasonIngressRejected)
	case gateway != nil:
		s.notExposed(gateway, v1alpha1.ReasonRouteRejected)
	case s.missing[httpRoute.kind] != "":
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonAPIMissing, "spec.exposure.gateway: "+s.missing[httpRoute.kind])
	case s.objection != nil:
		s.no(v1alpha1.ConditionExposed, s.objection.reason, "there is no route: "+s.objection.message)
	case s.evictedBy != nil:
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonResourceConflict, fmt.Sprintf(
			"there is no route for %s, which belongs to the older SecuredMCPServer %s", s.evictedFrom, client.ObjectKeyFromObject(s.evictedBy)))
	default:
		return false
	}
	return true
}

// judgeExposure sets Exposed from what is routed. While nothing is known of what was
// accepted last, that is whatever leads clients here.
func (s *scope) judgeExposure(routes []child) {
	asked, whatever := s.judged().Spec.Exposure, s.serving == nil
	for i := range routes {
		switch route := routes[i].live.(type) {
		case *networkingv1.Ingress:
			if whatever || asked.Ingress != nil {
				s.judgeIngress(route)
				return
			}
		case *unstructured.Unstructured:
			if whatever || asked.Gateway != nil {
				s.judgeHTTPRoute(route)
				return
			}
		}
	}
	switch {
	case asked.Ingress != nil:
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressPending, "there is no Ingress: this spec has not been accepted")
	case asked.Gateway != nil:
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonRoutePending, "there is no HTTPRoute: this spec has not been accepted")
	default:
		s.clusterLocal()
	}
}

func (s *scope) judgeIngress(ingress *networkingv1.Ingress) {
	if !ingress.DeletionTimestamp.IsZero() {
		s.judgeLeaving(kindIngress, ingress)
		return
	}
	if len(ingress.Status.LoadBalancer.Ingress) == 0 {
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressPending, "no ingress controller has given the Ingress an address"+class(ingress))
		return
	}
	s.routed("the Ingress has an address")
}

// routed says that a route leads clients to what is served.
func (s *scope) routed(how string) {
	if !s.accepted {
		how += "; it routes what was accepted last: " + cmp.Or(s.status.URL, "unknown")
	}
	s.yes(v1alpha1.ConditionExposed, v1alpha1.ReasonExposed, how)
}

// notExposed tells of the trouble with a child that exposes the server; rejected is
// the reason by which Exposed says that it was.
func (s *scope) notExposed(trouble *cause, rejected string) {
	s.no(v1alpha1.ConditionExposed, rejectedAs(trouble, rejected), trouble.message)
}

// rejectedAs is the reason of the trouble with a child; rejected is how the
// condition that the child belongs to says that it was rejected.
func rejectedAs(trouble *cause, rejected string) string {
	if trouble.reason == v1alpha1.ReasonChildRejected {
		return rejected
	}
	return trouble.reason
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
