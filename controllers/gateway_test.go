package controllers_test

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

func httpRoute(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	o := new(unstructured.Unstructured)
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"})
	return named(s, o)
}

// behind asks for the Gateways of these names in place of an Ingress.
func behind(s *v1alpha1.SecuredMCPServer, gateways ...string) {
	s.Spec.Exposure.Ingress, s.Spec.Exposure.Gateway = nil, &v1alpha1.Gateway{}
	for _, name := range gateways {
		s.Spec.Exposure.Gateway.ParentRefs = append(s.Spec.Exposure.Gateway.ParentRefs, v1alpha1.ParentRef{Name: name, Namespace: "edge"})
	}
}

// makeRouted does what the controller of Gateways would do.
func (w *world) makeRouted(s *v1alpha1.SecuredMCPServer, gateways ...string) {
	w.t.Helper()
	o := httpRoute(s)
	w.updateStatus(o, func() {
		condition := func(name string) any {
			return map[string]any{
				"type": name, "status": "True", "reason": name, "message": "", "observedGeneration": o.GetGeneration(), "lastTransitionTime": "2026-01-02T03:04:05Z",
			}
		}
		var parents []any
		for _, name := range gateways {
			parents = append(parents, map[string]any{
				"parentRef":      map[string]any{"name": name, "namespace": "edge"},
				"controllerName": "example.com/gateways",
				"conditions":     []any{condition("Accepted"), condition("ResolvedRefs")},
			})
		}
		o.Object["status"] = map[string]any{"parents": parents}
	})
}

// gone tells that the API server has no o, or not even its kind.
func (w *world) gone(o client.Object) bool {
	w.t.Helper()
	err := w.person.Get(w.t.Context(), client.ObjectKeyFromObject(o), o)
	if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		w.t.Fatal(err)
	}
	return err != nil
}

func TestServerBehindGateways(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newWorld(t)
	s := w.ready("a")
	ingress, route := named(s, &networkingv1.Ingress{}), httpRoute(s)

	const kept = "; until that is so, clients come by the Ingress that was asked for before"
	w.update(s, func() { behind(s, "public", "private") })
	w.settle(s)
	w.wantWrites("PATCH httproutes/a", "PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a")
	w.wantConditions(s, "True Accepted", "True Available", "False RoutePending", "True Enforced", "False RoutePending")
	if w.gone(ingress) || w.gone(route) {
		t.Fatal("want an HTTPRoute beside the Ingress")
	}
	w.settle(s)
	w.wantWrites()

	w.makeRouted(s, "public")
	w.settle(s)
	w.wantMessage(s, "Exposed", "no controller has said whether it takes the HTTPRoute for Gateway edge/private"+kept)
	if w.gone(ingress) {
		t.Fatal("the Ingress has gone before all Gateways took the HTTPRoute")
	}
	w.makeRouted(s, "private", "public")
	w.writes.take()
	w.settle(s)
	w.wantWrites("DELETE ingresses/a", "PATCH securedmcpservers/a/status")
	if !w.gone(ingress) {
		t.Fatal("the Ingress is still there")
	}
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.wantMessage(s, "Exposed", "the HTTPRoute is accepted by Gateway edge/public and Gateway edge/private")
	w.writes.take()

	t.Run("what somebody edits is healed", func(t *testing.T) {
		w := w.in(t)
		w.update(route, func() {
			if err := unstructured.SetNestedStringSlice(route.Object, []string{"evil.example.com"}, "spec", "hostnames"); err != nil {
				t.Fatal(err)
			}
		})
		w.settle(s)
		w.read(route)
		if hosts, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "hostnames"); len(hosts) != 1 || hosts[0] == "evil.example.com" {
			t.Errorf("hosts %v", hosts)
		}
	})
	t.Run("what somebody adds is left alone", func(t *testing.T) {
		w := w.in(t)
		w.update(route, func() { route.SetAnnotations(map[string]string{"example.com/team": "edge"}) })
		w.writes.take()
		w.settle(s)
		w.wantWrites()
	})
	t.Run("a spec that is not accepted leaves the last route", func(t *testing.T) {
		w := w.in(t)
		w.makeRouted(s, "private", "public")
		w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} })
		w.reconcile(s) //nolint:errcheck // terminal
		w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
		w.update(s, func() { s.Spec.Scopes[0].Implies = nil })
	})
	t.Run("one that is being deleted leads nobody", func(t *testing.T) {
		w := w.in(t)
		w.settle(s)
		w.makeRouted(s, "private", "public")
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
		w.update(route, func() { route.SetFinalizers([]string{"example.com/balancer"}) })
		if err := w.person.Delete(t.Context(), route); err != nil {
			t.Fatal(err)
		}
		w.read(route)
		w.seen(route)
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "False RouteEnding", "True Enforced", "False RouteEnding")
		w.wantMessage(s, "Exposed", "the HTTPRoute is being deleted, and another is made when it has gone; it goes when nobody holds it any more by the finalizers example.com/balancer")
		w.read(route)
		route.SetFinalizers(nil)
		if err := w.person.Update(t.Context(), route); err != nil { // upon which it is gone
			t.Fatal(err)
		}
		w.forgets(route)
		w.settle(s)
		w.makeRouted(s, "private", "public")
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	})
	t.Run("none is none", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Exposure.Gateway = nil })
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True ClusterLocal", "True Enforced", "True Ready")
		if !w.gone(route) {
			t.Error("the HTTPRoute is still there")
		}
	})
}

// Which kind of route it is makes no difference to whose a URL is.
func TestOneRouteHasOneServerWhateverItsKind(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newWorld(t)
	older, younger := w.server("a"), w.server("b")
	behind(older, "public")
	younger.Spec.Resource = strings.Replace(older.Spec.Resource, ".example.com/", ".example.com:8443/", 1)
	w.create(older)
	w.settle(older)
	w.create(younger)
	w.settle(younger)
	if got := conditions(younger)["Accepted"]; got != "False ResourceConflict" {
		t.Fatalf("Accepted of the younger is %s", got)
	}

	t.Run("an HTTPRoute is withdrawn as an Ingress is", func(t *testing.T) {
		w := w.in(t)
		w.stop()
		w.operator = startOperatorWith(t, w.network, allowing("elsewhere.example.com"))
		w.settle(older)
		if got := conditions(older)["Exposed"]; got != "False HostNotAllowed" || !w.gone(httpRoute(older)) {
			t.Errorf("Exposed is %s: want the HTTPRoute withdrawn", got)
		}
	})
}

// A finalizer, or deletion in the foreground, keeps an object for long after it
// was deleted.
func TestServerThatIsBeingDeletedKeepsItsClaimAndLosesItsRoute(t *testing.T) {
	w := newWorld(t)
	older, younger := w.ready("a"), w.server("b")
	younger.Spec.Resource = older.Spec.Resource
	w.create(younger)
	w.update(older, func() { older.Finalizers = []string{"example.com/backup"} })
	if err := w.person.Delete(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	w.read(older)
	w.seen(older)
	w.settle(younger)
	if got := conditions(younger)["Accepted"]; got != "False ResourceConflict" {
		t.Errorf("Accepted of the younger is %s: the pods of the older still answer", got)
	}
	if _, err := w.pass(older); err != nil {
		t.Fatal(err)
	}
	if !w.gone(named(older, &networkingv1.Ingress{})) {
		t.Error("the Ingress of the deleted server is still there")
	}
	older.Finalizers = nil
	if err := w.person.Update(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	w.eventually("the older one is gone", func() bool {
		return apierrors.IsNotFound(w.cached.Get(t.Context(), client.ObjectKeyFromObject(older), older))
	})
	w.settle(younger)
	if got := conditions(younger)["Accepted"]; got != "True Accepted" {
		t.Errorf("Accepted of the younger is %s", got)
	}
}

func TestGatewayAPIComesAndGoesWhileTheOperatorRuns(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	s := w.server("a")
	behind(s, "public")
	w.create(s)
	w.becomes(s, "Ready", "False Progressing")
	w.runningPod(s, "1")
	w.makeAvailable(s)
	w.becomes(s, "Ready", "False APIMissing")
	w.wantMessage(s, "Exposed", "spec.exposure.gateway: the cluster does not have HTTPRoute (gateway.networking.k8s.io/v1): install the CustomResourceDefinitions of the Gateway API")

	remove := kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w.becomes(s, "Ready", "False RoutePending")
	w.makeRouted(s, "public")
	w.becomes(s, "Ready", "True Ready")
	uid := func() string { o := httpRoute(s); w.read(o); return string(o.GetUID()) }
	first := uid()
	if err := w.person.Delete(t.Context(), httpRoute(s)); err != nil {
		t.Fatal(err)
	}
	w.eventually("a deleted HTTPRoute comes back", func() bool { return !w.gone(httpRoute(s)) && uid() != first })

	remove()
	w.becomes(s, "Ready", "False APIMissing")
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w.becomes(s, "Ready", "False RoutePending")
	w.makeRouted(s, "public")
	w.becomes(s, "Ready", "True Ready")
}
