package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// outgoing tells whether c is a route that is no longer asked for and has to stay
// until the one that is asked for in its place leads clients here, or the
// certificate of such a route. It leads to the same server, for the same URL: what
// it has beyond that may be another server's by now.
func (r *Reconciler) outgoing(s *scope, c *child) bool {
	if c.wanted || !c.exists() || !ours(c.live, s.server) || !exposed(s.serving) {
		return false
	}
	switch live := c.live.(type) {
	case *networkingv1.Ingress:
		objection, err := r.objectToIngress(live)
		return err == nil && objection == nil && leadsTo(ingressRoutes(live), s.serving)
	case *unstructured.Unstructured:
		if c.kind == kindCertificate {
			return slices.ContainsFunc(s.outgoing, func(other *child) bool { return other.kind == kindIngress })
		}
		return c.kind == httpRoute.kind && leadsTo(httpRoutes(live), s.serving)
	}
	return false
}

// leadsTo tells whether routes are those of server, no more and no less.
func leadsTo(routes []string, server *v1alpha1.SecuredMCPServer) bool {
	want := desired.Routes(server.Spec.Resource)
	slices.Sort(routes)
	slices.Sort(want)
	return slices.Equal(routes, want)
}

// edited marks a route that is not as the operator makes them: it routes more than
// its path, or leads elsewhere. Nobody heals a route that is outgoing.
const edited = "*"

// routesOf are the routes of an Ingress or HTTPRoute, as desired.Routes has them.
func routesOf(o client.Object) []string {
	switch o := o.(type) {
	case *networkingv1.Ingress:
		return ingressRoutes(o)
	case *unstructured.Unstructured:
		return httpRoutes(o)
	}
	return nil
}

// ingressRoutes are the routes of an Ingress, as desired.Routes has them.
func ingressRoutes(in *networkingv1.Ingress) []string {
	var routes []string
	if in.Spec.DefaultBackend != nil {
		routes = append(routes, edited)
	}
	for _, rule := range in.Spec.Rules {
		if rule.HTTP == nil {
			routes = append(routes, rule.Host)
			continue
		}
		for i := range rule.HTTP.Paths {
			path := &rule.HTTP.Paths[i]
			route := rule.Host + path.Path
			if path.PathType == nil || *path.PathType != networkingv1.PathTypeExact || path.Backend.Service == nil || path.Backend.Service.Name != in.Name {
				route += edited
			}
			routes = append(routes, route)
		}
	}
	return routes
}

// ruleOfHTTPRoute is what tells where a rule of an HTTPRoute leads.
type ruleOfHTTPRoute struct {
	Matches []struct {
		Path struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"path"`
	} `json:"matches"`
	Filters     []any              `json:"filters"`
	BackendRefs []backendReference `json:"backendRefs"`
}

type backendReference struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Filters   []any  `json:"filters"`
}

// httpRoutes are the routes of an HTTPRoute, nil if it cannot be read.
func httpRoutes(o *unstructured.Unstructured) []string {
	var r struct {
		Spec struct {
			Hostnames []string          `json:"hostnames"`
			Rules     []ruleOfHTTPRoute `json:"rules"`
		} `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &r); err != nil {
		return nil
	}
	var routes []string
	for _, host := range r.Spec.Hostnames {
		for i := range r.Spec.Rules {
			rule := &r.Spec.Rules[i]
			if len(rule.Matches) == 0 {
				routes = append(routes, host+edited) // every path
			}
			for _, match := range rule.Matches {
				route := host + match.Path.Value
				if match.Path.Type != "Exact" || !rule.leadsTo(o.GetName(), o.GetNamespace()) {
					route += edited
				}
				routes = append(routes, route)
			}
		}
	}
	return routes
}

// leadsTo tells whether what r matches goes to one Service as it is, and nowhere else.
func (r *ruleOfHTTPRoute) leadsTo(service, namespace string) bool {
	return len(r.Filters) == 0 && len(r.BackendRefs) > 0 && !slices.ContainsFunc(r.BackendRefs, func(b backendReference) bool {
		return b.Name != service || b.Group != "" || b.Kind != kindService || cmp.Or(b.Namespace, namespace) != namespace || len(b.Filters) > 0
	})
}

// replaceRoutes removes what is outgoing when clients have another way. Until then
// the condition says that there are two.
func (r *Reconciler) replaceRoutes(ctx context.Context, s *scope) error {
	if len(s.outgoing) == 0 {
		return nil
	}
	if !meta.IsStatusConditionPresentAndEqual(s.status.Conditions, v1alpha1.ConditionExposed, metav1.ConditionTrue) {
		s.add(v1alpha1.ConditionExposed, "until that is so, clients come by the "+s.outgoing[0].kind+" that was asked for before")
		return nil
	}
	for _, c := range s.outgoing {
		if err := r.remove(ctx, s.server, c); err != nil {
			return fmt.Errorf("removing %s, which another route has replaced: %w", c.kind, err)
		}
	}
	return nil
}
