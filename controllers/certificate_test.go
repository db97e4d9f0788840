package controllers_test

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/kubetest"
)

func askIssuer(s *v1alpha1.SecuredMCPServer) {
	s.Spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "company", Kind: "ClusterIssuer"}}
}

func certificateOf(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	c := new(unstructured.Unstructured)
	c.SetAPIVersion("cert-manager.io/v1")
	c.SetKind("Certificate")
	return named(s, c)
}

// judgeCertificate does what cert-manager would do.
func (w *world) judgeCertificate(s *v1alpha1.SecuredMCPServer, status, reason, message string) {
	w.t.Helper()
	c := certificateOf(s)
	w.updateStatus(c, func() {
		c.Object["status"] = map[string]any{"conditions": []any{map[string]any{
			"type": "Ready", "status": status, "reason": reason, "message": message,
			"observedGeneration": c.GetGeneration(), "lastTransitionTime": "2026-01-02T03:04:05Z",
		}}}
	})
}

// untilExposed runs passes until Exposed is as wanted.
func (w *world) untilExposed(s *v1alpha1.SecuredMCPServer, want string) {
	w.t.Helper()
	w.eventually("Exposed is "+want, func() bool {
		w.settle(s)
		return conditions(s)["Exposed"] == want
	})
}

func TestACertificateIsAskedForAndFollowed(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() {
		askIssuer(s)
		s.Spec.Scopes[0].Implies = []string{"invoices:write"} // a cycle
	})
	w.reconcile(s) //nolint:errcheck // terminal
	// What was accepted last is routed, with its Secret.
	w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
	w.update(s, func() { s.Spec.Scopes[0].Implies = nil })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "False APIMissing", "True Enforced", "False APIMissing")
	if got := message(s, "Exposed"); !strings.Contains(got, "install cert-manager") {
		t.Errorf("it does not say what is missing: %s", got)
	}
	w.wantSecret(s, "mcp-tls")

	kubetest.InstallCRDs(t, kubetest.Config(t), "cert-manager")
	w.untilExposed(s, "False CertificatePending")
	const kept = "; until it is there, the Ingress has the certificate of Secret mcp-tls"
	w.wantMessage(s, "Exposed", "cert-manager has not looked at the Certificate yet"+kept)
	ingress := named(s, &networkingv1.Ingress{})
	w.read(ingress)
	w.wantCertificate(s, ingress.Spec.Rules[0].Host)
	w.wantSecret(s, "mcp-tls")

	w.judgeCertificate(s, "False", "DoesNotExist", "Issuing certificate as Secret does not exist")
	w.settle(s)
	w.wantMessage(s, "Ready", "the Certificate is not ready: DoesNotExist: Issuing certificate as Secret does not exist"+kept)
	w.writes.take()
	w.settle(s)
	w.wantWrites()
	w.judgeCertificate(s, "True", "Ready", "Certificate is up to date and has not expired")
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.wantSecret(s, "a-securedmcp-tls")
	w.writes.take()
	w.settle(s)
	w.wantWrites()

	edited := certificateOf(s)
	w.update(edited, func() {
		if err := unstructured.SetNestedStringSlice(edited.Object, []string{"bank.example.com"}, "spec", "dnsNames"); err != nil {
			t.Fatal(err)
		}
	})
	w.settle(s)
	w.wantCertificate(s, ingress.Spec.Rules[0].Host)
	if got := message(s, "Exposed"); got != "cert-manager has not looked at this Certificate since it changed" {
		t.Errorf("after a change: %s", got)
	}

	w.update(s, func() { s.Spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{SecretName: "mcp-tls"} })
	w.settle(s)
	if w.exists(certificateOf(s)) {
		t.Error("the Certificate is still there")
	}
	w.wantSecret(s, "mcp-tls")
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

func (w *world) wantSecret(s *v1alpha1.SecuredMCPServer, want string) {
	w.t.Helper()
	ingress := named(s, &networkingv1.Ingress{})
	w.read(ingress)
	if got := ingress.Spec.TLS[0].SecretName; got != want {
		w.t.Errorf("the Ingress has Secret %s, want %s", got, want)
	}
}

func (w *world) wantCertificate(s *v1alpha1.SecuredMCPServer, host string) {
	w.t.Helper()
	c := certificateOf(s)
	w.read(c)
	want := map[string]any{
		"dnsNames":   []any{host},
		"secretName": s.Name + "-securedmcp-tls",
		"issuerRef":  map[string]any{"name": "company", "kind": "ClusterIssuer", "group": "cert-manager.io"},
	}
	if diff := gocmp.Diff(want, c.Object["spec"]); diff != "" {
		w.t.Errorf("Certificate (-want +got):\n%s", diff)
	}
}

// A host that is another team's gets no certificates any more.
func TestACertificateGoesWithTheIngressThatIsWithdrawn(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "cert-manager")
	w := newWorld(t)
	s := w.server("a")
	askIssuer(s)
	w.create(s)
	w.settle(s)
	if !w.exists(certificateOf(s)) {
		t.Fatal("there is no Certificate")
	}
	w.stop()
	w.operator = startOperatorWith(t, w.network, controllers.Policy{AllowedHosts: map[string][]string{w.namespace: {"elsewhere.example.com"}}})
	w.settle(s)
	if got := conditions(s)["Exposed"]; got != "False HostNotAllowed" {
		t.Errorf("Exposed is %s, want False HostNotAllowed", got)
	}
	if w.exists(certificateOf(s)) {
		t.Error("the Certificate is still there")
	}
}

// An edit that is not accepted changes nothing of what is served, its certificate
// included.
func TestACertificateStaysWhenAnEditIsNotAccepted(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "cert-manager")
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() {
		askIssuer(s)
		s.Spec.Workload.Image = "evil.example/image:1"
	})
	w.stop()
	w.operator = startOperatorWith(t, w.network, controllers.Policy{AllowedImagePrefixes: []string{"registry.example.com/"}})
	w.settle(s)
	w.wantConditions(s, "False ImageNotAllowed", "True Available", "True Exposed", "True Enforced", "False ImageNotAllowed")

	w.update(s, func() { s.Spec.Workload.Image = "" })
	w.settle(s)
	w.judgeCertificate(s, "True", "Ready", "")
	w.update(s, func() {
		s.Spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{SecretName: "mcp-tls"}
		s.Spec.Workload.Image = "evil.example/image:1"
	})
	w.settle(s)
	if !w.exists(certificateOf(s)) {
		t.Error("the Certificate has gone")
	}
	w.wantConditions(s, "False ImageNotAllowed", "True Available", "True Exposed", "True Enforced", "False ImageNotAllowed")
}
