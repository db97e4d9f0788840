package controllers_test

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// leaveBehind deletes s as kubectl delete --cascade=orphan does, without its children.
func (w *world) leaveBehind(s *v1alpha1.SecuredMCPServer, route client.Object) {
	w.t.Helper()
	if err := w.person.Delete(w.t.Context(), s, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		w.t.Fatal(err)
	}
	w.read(s)
	w.seen(s)
	w.passes(s)
	for _, o := range children(s) {
		if w.exists(o) {
			w.update(o, func() { o.SetOwnerReferences(nil) }) // as the garbage collector does
		}
	}
	w.update(route, func() { route.SetOwnerReferences(nil) })
	if err := w.person.Patch(w.t.Context(), s, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		w.t.Fatal(err)
	}
	w.forgets(s)
}

// Who deletes a server and keeps its route keeps the URL. Whoever asks for it next is told
// so, and not that it is exposed by a route that the controllers put behind the older one.
func TestARouteThatWasLeftBehindKeepsItsURL(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	for name, test := range map[string]struct {
		ask   func(*v1alpha1.SecuredMCPServer)
		route func(*v1alpha1.SecuredMCPServer) client.Object
	}{
		"an Ingress": {
			func(*v1alpha1.SecuredMCPServer) {},
			func(s *v1alpha1.SecuredMCPServer) client.Object { return named(s, &networkingv1.Ingress{}) },
		},
		"an HTTPRoute": {
			func(s *v1alpha1.SecuredMCPServer) { behind(s, "public") },
			func(s *v1alpha1.SecuredMCPServer) client.Object { return httpRoute(s) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first, next := w.server("a"), w.server("b")
			test.ask(first)
			next.Spec.Resource = first.Spec.Resource
			left := test.route(first)
			w.create(first)
			w.settle(first)
			w.leaveBehind(first, left)

			w.create(next)
			again := w.settle(next).RequeueAfter
			if got := conditions(next); got["Accepted"] != "False ResourceConflict" || got["Exposed"] != "False IngressPending" {
				t.Errorf("Accepted %s, Exposed %s", got["Accepted"], got["Exposed"])
			}
			if got := message(next, "Accepted"); !strings.Contains(got, "is left of a SecuredMCPServer "+w.namespace+"/a that was deleted") {
				t.Errorf("the message does not say whose the URL is: %s", got)
			}
			if again == 0 {
				t.Error("nobody looks whether the route has gone")
			}
			if w.exists(named(next, &networkingv1.Ingress{})) {
				t.Error("there is a second route for one URL")
			}

			w.delete(left)
			w.settle(next)
			if got := conditions(next)["Accepted"]; got != "True Accepted" {
				t.Errorf("Accepted %s: %s", got, message(next, "Accepted"))
			}
		})
	}
}

// A server of the same name takes over what was left, as ever.
func TestARouteThatWasLeftBehindIsAdopted(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.settle(s)
	ingress := named(s, &networkingv1.Ingress{})
	w.leaveBehind(s, ingress)
	again := w.server("a")
	w.create(again)
	w.settle(again)
	if got := conditions(again)["Accepted"]; got != "True Accepted" {
		t.Errorf("Accepted %s: %s", got, message(again, "Accepted"))
	}
	if w.read(ingress); !metav1.IsControlledBy(ingress, again) {
		t.Errorf("the Ingress is of %v", ingress.GetOwnerReferences())
	}
}
