package controllers_test

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/kubetest"
)

// Somebody's finalizer keeps an Ingress whose annotation is not allowed any more. What
// takes its place, and has none, stays: it was removed and made anew with each pass.
func TestAnIngressThatLeavesTakesNothingElseWithIt(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	kubetest.InstallCRDs(t, kubetest.Config(t), "cert-manager")
	for name, test := range map[string]struct {
		replace func(w *world, s *v1alpha1.SecuredMCPServer)
		stays   func(w *world, s *v1alpha1.SecuredMCPServer) bool
		exposed string
	}{
		"an HTTPRoute": {
			replace: func(w *world, s *v1alpha1.SecuredMCPServer) {
				w.update(s, func() { behind(s, "public") })
				w.settle(s)
				w.makeRouted(s, "public")
				w.settle(s)
			},
			stays:   func(w *world, s *v1alpha1.SecuredMCPServer) bool { return !w.gone(httpRoute(s)) },
			exposed: "True Exposed",
		},
		"a Certificate": {
			replace: func(w *world, s *v1alpha1.SecuredMCPServer) {
				in := named(s, &networkingv1.Ingress{})
				if err := w.person.Delete(w.t.Context(), in); err != nil {
					w.t.Fatal(err)
				}
				w.read(in)
				w.seen(in)
				w.update(s, func() {
					s.Spec.Exposure.Ingress.Annotations = nil
					askIssuer(s)
				})
				w.settle(s)
				w.judgeCertificate(s, "True", "Ready", "it is there")
				w.settle(s)
			},
			stays:   func(w *world, s *v1alpha1.SecuredMCPServer) bool { return w.exists(certificateOf(s)) },
			exposed: "False RouteEnding",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			s.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/x": "1"}
			w.serve(s, "1")
			in := named(s, &networkingv1.Ingress{})
			w.update(in, func() { in.Finalizers = []string{"example.com/hold"} })
			test.replace(w, s)
			w.read(in)
			if in.DeletionTimestamp.IsZero() {
				t.Fatal("the Ingress does not leave")
			}
			w.stop()
			w.operator = startOperatorWith(t, w.network, controllers.Policy{AllowedIngressAnnotations: []string{"example.com/y"}})
			w.refuse(s)
			w.settleRefused(s)
			w.wantConditions(s, "False InvalidSpec", "True Available", test.exposed, "True Enforced", "False InvalidSpec")
			if !test.stays(w, s) {
				t.Errorf("%s is gone", name)
			}
			w.writes.take()
			w.settleRefused(s)
			w.wantWrites()
		})
	}
}
