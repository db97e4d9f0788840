package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// withdrawRoutes removes the Ingress or HTTPRoute of a server that is not accepted
// when what it serves belongs to an older server, or when it has a host or
// annotations that are not allowed. Two routes for one URL would leave it to
// their controllers who gets the requests. The pods keep running.
func (r *Reconciler) withdrawRoutes(ctx context.Context, s *scope) error {
	if s.accepted {
		return nil
	}
	routes, err := r.routes(ctx, s.server)
	if err != nil {
		return err
	}
	if len(routes) == 0 && !exposed(s.judged()) {
		return nil
	}
	// What it serves is what it had accepted last, if anything.
	served := cmp.Or(s.status.URL, s.judged().Spec.Resource)
	objection, err := r.objectToServed(s, served, routes)
	if err != nil {
		return err
	}
	if objection != nil {
		s.objection = objection
		return r.withdraw(ctx, s.server, routes)
	}
	older, err := r.olderClaim(ctx, s.server, claimsOf(served, true))
	if err != nil {
		return fmt.Errorf("looking for other claims of %s: %w", served, err)
	}
	if older == nil {
		return nil
	}
	s.evictedBy, s.evictedFrom = older, served
	return r.withdraw(ctx, s.server, routes)
}

// routes returns what leads clients to server: what is there, wanted or not.
func (r *Reconciler) routes(ctx context.Context, server *v1alpha1.SecuredMCPServer) ([]child, error) {
	possible := []child{{kind: kindIngress, live: new(networkingv1.Ingress)}}
	if r.apis.missing(httpRoute) == "" {
		possible = append(possible, child{kind: httpRoute.kind, live: httpRoute.object()})
	}
	var routes []child
	for _, c := range possible {
		if err := r.own(ctx, server, c.live); err != nil {
			return nil, fmt.Errorf("reading %s: %w", c.kind, err)
		}
		if c.exists() {
			routes = append(routes, c)
		}
	}
	return routes, nil
}

// endRoutes removes the routes of a server that is being deleted. Others may keep
// the object for long, by a finalizer, and its children with it. Whoever deletes it
// with --cascade=orphan wants to keep what serves.
func (r *Reconciler) endRoutes(ctx context.Context, server *v1alpha1.SecuredMCPServer) error {
	if slices.Contains(server.Finalizers, metav1.FinalizerOrphanDependents) {
		return nil
	}
	routes, err := r.routes(ctx, server)
	if err != nil {
		return err
	}
	if err := r.withdraw(ctx, server, routes); err != nil {
		return err
	}
	return r.reportEnd(ctx, server)
}

// reportEnd has the status of a server that is being deleted, and that a finalizer keeps
// meanwhile, say that no route leads to it. Nothing else of it is observed any more.
func (r *Reconciler) reportEnd(ctx context.Context, server *v1alpha1.SecuredMCPServer) error {
	c := meta.FindStatusCondition(server.Status.Conditions, v1alpha1.ConditionExposed)
	if c == nil || c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonExposed {
		return nil
	}
	s := newScope(server)
	s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonRouteEnding, "the object is being deleted, and no route leads to its pods any more; they end when it is gone")
	s.sumUp()
	return r.report(ctx, s)
}

// objectToServed judges what is exposed or, while nothing is, what is asked for. An Ingress
// that is being deleted is withdrawn already, and no reason to withdraw what is to stay.
func (r *Reconciler) objectToServed(s *scope, resource string, routes []child) (*objection, error) {
	if o := r.policy.objectToResource(s.server.Namespace, resource); o != nil {
		return o, nil
	}
	for i := range routes {
		if ingress, ok := routes[i].live.(*networkingv1.Ingress); ok && !routes[i].leaves() {
			return r.objectToIngress(ingress)
		}
	}
	if asked := s.judged().Spec.Exposure.Ingress; asked != nil && len(routes) == 0 {
		return r.policy.objectToIngressAnnotations(asked.Annotations), nil
	}
	return nil, nil
}

func (r *Reconciler) objectToIngress(ingress *networkingv1.Ingress) (*objection, error) {
	applied, err := appliedOf(ingress)
	if err != nil {
		return nil, fmt.Errorf("reading annotations of Ingress: %w", err)
	}
	given := maps.Clone(applied.Annotations)
	maps.DeleteFunc(given, desired.OwnIngressAnnotation)
	return r.policy.objectToIngressAnnotations(given), nil
}

func (r *Reconciler) withdraw(ctx context.Context, server *v1alpha1.SecuredMCPServer, routes []child) error {
	for i := range routes {
		if err := r.remove(ctx, server, &routes[i]); err != nil {
			return fmt.Errorf("withdrawing %s: %w", routes[i].kind, err)
		}
	}
	return r.withdrawCertificate(ctx, server)
}
