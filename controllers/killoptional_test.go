package controllers_test

import (
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// optionalWorks have children of kinds that a cluster may have or not.
var optionalWorks = map[string]work{
	"that asks for a certificate, monitors and alerts": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) { w.update(s, func() { wantAllOf(w.t, s) }) },
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.wantWhole(s)
			w.wantCertificate(s, w.namespace+".example.com")
			w.wantThere(true, monitor(s), rules(s))
		},
	},
	"that takes a certificate, monitors and alerts away": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			secret := s.Spec.Exposure.Ingress.TLS
			w.update(s, func() { wantAllOf(w.t, s) })
			w.settle(s)
			w.wantThere(true, certificateOf(s), monitor(s), rules(s))
			w.update(s, func() { s.Spec.Exposure.Ingress.TLS, s.Spec.Monitoring = secret, nil })
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.wantWhole(s)
			w.wantThere(false, certificateOf(s), monitor(s), rules(s))
		},
	},
	"that has a route made for a Gateway": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) { w.update(s, func() { behind(s, "public") }) },
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.wantThere(true, httpRoute(s), named(s, &networkingv1.Ingress{})) // until the Gateway has the route
			if got := conditions(s)["Exposed"]; got != "False RoutePending" {
				w.t.Errorf("Exposed is %s", got)
			}
		},
	},
	"that gives up the Ingress once a Gateway has the route": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() { behind(s, "public") })
			w.settle(s)
			w.makeRouted(s, "public")
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.wantWhole(s)
			w.wantThere(true, httpRoute(s))
			if got := conditions(s)["Exposed"]; got != "True Exposed" {
				w.t.Errorf("Exposed is %s", got)
			}
		},
	},
}

func wantAllOf(t testing.TB, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	askIssuer(s)
	spec(t, s, `monitoring: {labels: {release: prometheus}}`)
}

func (w *world) wantThere(want bool, objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		if got := w.exists(o); got != want {
			w.t.Errorf("there is the %s %s: %v, want %v", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), got, want)
		}
	}
}

// The same as of the kinds that every cluster has: whatever call of a pass goes
// wrong, and wherever the operator dies, the next pass ends what it began.
func TestPassesOverOptionalKindsMayEndAnywhere(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api", "cert-manager", "prometheus-operator")
	for name, work := range optionalWorks {
		for _, arrives := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, arrives %v", name, arrives), func(t *testing.T) {
				t.Parallel()
				dieEverywhere(t, work, arrives)
			})
		}
		t.Run(name+", a connection reset after each call", func(t *testing.T) {
			t.Parallel()
			newNarrowWorld(t).failEverywhere(name, "a", work, resetAfter)
		})
	}
}
