package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// leftBehindIndex finds Ingresses that no server controls by what they route.
const leftBehindIndex = "leftBehind"

// isLeftBehind tells whether the operator made o for a server that was deleted without it
// (kubectl delete --cascade=orphan).
func isLeftBehind(o client.Object) bool {
	return metav1.GetControllerOf(o) == nil && slices.ContainsFunc(o.GetManagedFields(), appliedByUs)
}

func leftBehindRoutes(o client.Object) []string {
	in, ok := o.(*networkingv1.Ingress)
	if !ok || !isLeftBehind(in) {
		return nil
	}
	return plainly(ingressRoutes(in))
}

// plainly leaves out what tells how a route was edited.
func plainly(routes []string) []string {
	for i := range routes {
		routes[i] = strings.TrimSuffix(routes[i], edited)
	}
	return routes
}

// objectToLeftBehind objects to a route beside one that a server left behind: controllers
// of routes may go by the older, which leads to pods that serve nobody's spec. A server of
// the same name adopts it, and one that has its own route has nothing to look for: while it
// had that, nobody else was given the URL.
func (r *Reconciler) objectToLeftBehind(ctx context.Context, s *scope, server *v1alpha1.SecuredMCPServer) (*objection, error) {
	if !exposed(server) {
		return nil, nil
	}
	found, err := r.leftBehindIngress(ctx, server)
	if err != nil || found == nil && r.apis.missing(httpRoute) != "" {
		return nil, err
	}
	own, err := r.routes(ctx, server)
	if err != nil || slices.ContainsFunc(own, func(c child) bool { return leadsTo(routesOf(c.live), server) }) {
		return nil, err
	}
	if found == nil {
		if found, err = r.leftBehindHTTPRoute(ctx, server); found == nil || err != nil {
			return nil, err
		}
	}
	s.soonest(strangersPeriod) // nobody owns it, so no watch tells of its end
	return &objection{v1alpha1.ReasonResourceConflict, fmt.Sprintf(
		"a route for spec.resource %s is left of a SecuredMCPServer %s that was deleted without its %s, which leads clients there; delete that, or want another resource here",
		server.Spec.Resource, client.ObjectKeyFromObject(found), kindOf(found))}, nil
}

// leftBehindIngress returns an Ingress that was left behind and has a route of server's, nil
// if there is none. An index finds it, so that those who have none to fear pay for nothing.
func (r *Reconciler) leftBehindIngress(ctx context.Context, server *v1alpha1.SecuredMCPServer) (client.Object, error) {
	for _, route := range desired.Routes(server.Spec.Resource) {
		var some networkingv1.IngressList
		if err := r.client.List(ctx, &some, client.MatchingFields{leftBehindIndex: route}, client.DisableReadYourWritesConsistency); err != nil {
			return nil, fmt.Errorf("looking for Ingresses that were left behind: %w", err)
		}
		for i := range some.Items {
			if client.ObjectKeyFromObject(&some.Items[i]) != client.ObjectKeyFromObject(server) {
				return &some.Items[i], nil
			}
		}
	}
	return nil, nil
}

// leftBehindHTTPRoute looks at all of them: there is no index of a kind that may come and go.
func (r *Reconciler) leftBehindHTTPRoute(ctx context.Context, server *v1alpha1.SecuredMCPServer) (client.Object, error) {
	var all unstructured.UnstructuredList
	all.SetGroupVersionKind(httpRoute.version.WithKind(httpRoute.kind + "List"))
	if err := r.client.List(ctx, &all, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		return nil, fmt.Errorf("looking for HTTPRoutes that were left behind: %w", err)
	}
	routes := desired.Routes(server.Spec.Resource)
	for i := range all.Items {
		o := &all.Items[i]
		if isLeftBehind(o) && client.ObjectKeyFromObject(o) != client.ObjectKeyFromObject(server) && shareClaims(routes, plainly(httpRoutes(o))) {
			return o.DeepCopy(), nil
		}
	}
	return nil, nil
}

func kindOf(route client.Object) string {
	if _, ok := route.(*networkingv1.Ingress); ok {
		return kindIngress
	}
	return httpRoute.kind
}
