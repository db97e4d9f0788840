package controllers_test

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// behindIngress asks for an Ingress in place of Gateways.
func behindIngress(s *v1alpha1.SecuredMCPServer) {
	s.Spec.Exposure.Gateway, s.Spec.Exposure.Ingress = nil, &v1alpha1.Ingress{ClassName: "nginx", TLS: v1alpha1.IngressTLS{SecretName: "mcp-tls"}}
}

// Clients have a way at every moment of a switch: the route that was asked for
// before goes when the other one leads them here, and not a pass sooner.
func TestARouteStaysUntilTheOtherTakesItsPlace(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	ingress, route := named(s, &networkingv1.Ingress{}), httpRoute(s)
	wantRoutes := func(w *world, withIngress, withRoute bool) {
		w.t.Helper()
		if w.gone(ingress) == withIngress || w.gone(route) == withRoute {
			w.t.Fatalf("Ingress %t, HTTPRoute %t; want %t, %t", !w.gone(ingress), !w.gone(route), withIngress, withRoute)
		}
	}

	t.Run("the Gateway API is missing", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { behind(s, "public") })
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "False APIMissing", "True Enforced", "False APIMissing")
		if got := message(s, "Exposed"); !strings.HasSuffix(got, "; until that is so, clients come by the Ingress that was asked for before") {
			t.Errorf("Exposed does not say how clients come: %s", got)
		}
		wantRoutes(w, true, false)
	})
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	t.Run("no Gateway takes the route", func(t *testing.T) {
		w := w.in(t)
		w.untilExposed(s, "False RoutePending")
		wantRoutes(w, true, true)
	})
	t.Run("the person thinks better of it", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { behindIngress(s) })
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
		wantRoutes(w, true, false)
	})
	t.Run("an operator that starts anew knows which is which", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { behind(s, "public") })
		w.settle(s)
		w.stop()
		w.operator = startOperator(t, w.network)
		w.settle(s)
		wantRoutes(w, true, true)
		w.makeRouted(s, "public")
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
		wantRoutes(w, false, true)
	})
}

// leavingGateway returns a server that a Gateway has a route to and that asks for an
// Ingress by now.
func (w *world) leavingGateway() *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	s := w.server("a")
	behind(s, "public")
	w.create(s)
	w.settle(s)
	w.makeRouted(s, "public")
	w.settle(s)
	w.update(s, func() { behindIngress(s) })
	w.settle(s)
	return s
}

// An Ingress routes when it has an address, and its certificate is there.
func TestAnHTTPRouteStaysUntilTheIngressRoutes(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newWorld(t)
	s := w.leavingGateway()
	if got := conditions(s)["Exposed"]; got != "False IngressPending" || w.gone(httpRoute(s)) {
		t.Fatalf("Exposed is %s: want the HTTPRoute to stay", got)
	}
	w.makeExposed(s)
	w.settle(s)
	if got := conditions(s)["Exposed"]; got != "True Exposed" || !w.gone(httpRoute(s)) {
		t.Errorf("Exposed is %s: want the HTTPRoute gone", got)
	}
}

// What a route leads to besides the URL of the spec may be another server's by now.
func TestARouteOfAnotherURLDoesNotStay(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	tests := map[string]func(*world, *v1alpha1.SecuredMCPServer){
		"the resource is another": func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() { s.Spec.Resource += "/v2"; behind(s, "public") })
		},
		"somebody had the Ingress route more": func(w *world, s *v1alpha1.SecuredMCPServer) {
			ingress := named(s, &networkingv1.Ingress{})
			w.update(s, func() { behind(s, "public") })
			w.update(ingress, func() { ingress.Spec.Rules[0].HTTP.Paths[0].PathType = new(networkingv1.PathTypePrefix) })
		},
		"somebody had the Ingress lead elsewhere": func(w *world, s *v1alpha1.SecuredMCPServer) {
			ingress := named(s, &networkingv1.Ingress{})
			w.update(s, func() { behind(s, "public") })
			w.update(ingress, func() { ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "another" })
		},
		"somebody had the Ingress route all else, too": func(w *world, s *v1alpha1.SecuredMCPServer) {
			ingress := named(s, &networkingv1.Ingress{})
			w.update(s, func() { behind(s, "public") })
			w.update(ingress, func() { ingress.Spec.DefaultBackend = &ingress.Spec.Rules[0].HTTP.Paths[0].Backend })
		},
		"nothing is to be exposed": func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() { s.Spec.Exposure.Ingress = nil })
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.ready("a")
			change(w, s)
			w.settle(s)
			if !w.gone(named(s, &networkingv1.Ingress{})) {
				t.Error("the Ingress is still there")
			}
		})
	}
}

// Nobody heals a route that is no longer asked for, so one that is not as it was
// asked for goes at once.
func TestARouteThatSomebodyEditedDoesNotStay(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	tests := map[string]func(rule map[string]any){
		"it routes more": func(rule map[string]any) {
			rule["matches"].([]any)[0].(map[string]any)["path"].(map[string]any)["type"] = "PathPrefix"
		},
		"it routes all":                    func(rule map[string]any) { delete(rule, "matches") },
		"it matches nothing, which is all": func(rule map[string]any) { rule["matches"] = []any{} },
		"it leads nowhere":                 func(rule map[string]any) { delete(rule, "backendRefs") },
		"it leads elsewhere": func(rule map[string]any) {
			rule["backendRefs"].([]any)[0].(map[string]any)["name"] = "another"
		},
		"it has what it routes copied elsewhere": func(rule map[string]any) {
			rule["filters"] = []any{map[string]any{"type": "RequestMirror", "requestMirror": map[string]any{
				"backendRef": map[string]any{"name": "another", "port": int64(80)},
			}}}
		},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.leavingGateway()
			route := httpRoute(s)
			if w.gone(route) {
				t.Fatal("the HTTPRoute has gone before the Ingress routes")
			}
			w.update(route, func() { edit(route.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)) })
			w.settle(s)
			if !w.gone(route) {
				t.Error("the HTTPRoute is still there")
			}
		})
	}
}

// Until a route has gone clients come by it, and nobody else may have its URL.
func TestARouteThatAFinalizerKeepsIsNotOver(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	ingress := named(s, &networkingv1.Ingress{})
	w.update(ingress, func() { ingress.Finalizers = []string{"example.com/keep"} })
	w.update(s, func() { s.Spec.Exposure.Ingress = nil })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "False RouteEnding", "True Enforced", "False RouteEnding")
	w.wantMessage(s, "Exposed", "no exposure is asked for, and the Ingress that was is still there; it goes when nobody holds it any more by the finalizers example.com/keep")
	younger := w.server("younger")
	younger.Spec.Resource = strings.Replace(s.Spec.Resource, ".example.com/", ".example.com:8443/", 1)
	w.create(younger)
	w.settle(younger)
	if got := conditions(younger)["Accepted"]; got != "False ResourceConflict" {
		t.Errorf("Accepted of a server for the same route is %s", got)
	}

	w.read(ingress)
	ingress.Finalizers = nil
	if err := w.person.Update(t.Context(), ingress); err != nil {
		t.Fatal(err)
	}
	w.forgets(ingress)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True ClusterLocal", "True Enforced", "True Ready")
}
