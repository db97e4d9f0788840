package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// leaves tells whether c is an Ingress that is being deleted, which somebody's
// finalizer may make last. It is nobody's route to count on, and what it is of matters to
// whoever clears up after it.
func (c *child) leaves() bool {
	return c.kind == kindIngress && c.exists() && !c.live.GetDeletionTimestamp().IsZero()
}

// leadLeaving has an Ingress that leaves lead to the pods that serve, and nothing else.
func (r *Reconciler) leadLeaving(ctx context.Context, s *scope, c *child) error {
	if leadsToTLS(c.live) == s.change.tls {
		return nil
	}
	return r.lead(ctx, c, s.change.tls)
}

// leavingLast puts a route that is not leaving before one that is.
func leavingLast(routes []child) []child {
	if len(routes) > 1 && routes[0].leaves() {
		slices.Reverse(routes)
	}
	return routes
}

// judgeLeaving sets Exposed while the route is being deleted, whose status is that of
// whoever lets go of it.
func (s *scope) judgeLeaving(kind string, route client.Object) {
	next := "another is made when it has gone"
	if !s.applies(kind) {
		next = "none is made in its place before a spec is accepted"
	}
	s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonRouteEnding, fmt.Sprintf(
		"the %s is being deleted, and %s; it goes when nobody holds it any more by the finalizers %s",
		kind, next, strings.Join(route.GetFinalizers(), ", ")))
	s.expect(v1alpha1.ConditionExposed, propagationPatience)
}
