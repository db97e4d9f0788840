package controllers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/oauthtest"
)

const issuerURL = "https://example.com/realms/acme"

// issuer starts an authorization server that the operator finds at issuerURL, and
// puts its certificate where the sample looks for it.
func (w *world) issuer() *oauthtest.Server {
	w.t.Helper()
	server := oauthtest.New(w.t, oauthtest.WithTLS(), oauthtest.With(func(c *oauthtest.Config) {
		c.Issuer, c.Scopes = issuerURL, []string{"invoices:read", "invoices:write"}
	}))
	w.network.lead("example.com:443", strings.TrimPrefix(server.URL, "https://"))
	w.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "issuer-ca", Namespace: w.namespace},
		Data:       map[string]string{"ca.crt": string(server.CAPEM())},
	})
	return server
}

// readyAt is ready, with another issuer.
func (w *world) readyAt(issuer string) *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	s := w.ready("a")
	w.update(s, func() { s.Spec.Issuer = issuer })
	w.settle(s)
	return s
}

// probe asks the issuer of s as often as it takes for an answer to count, and runs
// the pass that it causes.
func (w *world) probe(s *v1alpha1.SecuredMCPServer) (again time.Duration) {
	w.t.Helper()
	for range 2 {
		result, err := w.prober.AnswerNow(w.t.Context(), s)
		if err != nil {
			w.t.Fatal(err)
		}
		again = result.RequeueAfter
	}
	w.settle(s)
	return again
}

func (w *world) wantIssuer(s *v1alpha1.SecuredMCPServer, condition, text string) {
	w.t.Helper()
	if got := conditions(s)["IssuerDiscovered"]; got != condition {
		w.t.Errorf("IssuerDiscovered is %s: %s, want %s", got, message(s, "IssuerDiscovered"), condition)
	}
	if got := message(s, "IssuerDiscovered"); !strings.Contains(got, text) {
		w.t.Errorf("message %q, want it to have %q", got, text)
	}
	if got := conditions(s)["Ready"]; got != "True Ready" {
		w.t.Errorf("Ready is %s: the issuer must make no difference", got)
	}
}

func TestIssuerDiscoveredSaysWhatTheIssuerAnswers(t *testing.T) {
	w := newWorld(t)
	issuer := w.issuer()
	s := w.readyAt(issuerURL)
	w.wantIssuer(s, "Unknown NotAsked", "the operator has not come to ask the issuer yet")
	if again := w.probe(s); again < 9*time.Minute {
		t.Errorf("asks again after %s, want ten minutes at rest", again)
	}
	w.wantIssuer(s, "True IssuerDiscovered", "metadata and keys are there, and PKCE is advertised; it does not advertise resource indicators")

	t.Run("of the scopes of this spec, without asking again", func(t *testing.T) {
		w := w.in(t)
		issuer.ResetCounts()
		w.update(s, func() { s.Spec.Scopes = append(s.Spec.Scopes, v1alpha1.Scope{Name: "invoices:void"}) })
		w.settle(s)
		w.wantIssuer(s, "True IssuerDiscovered", "its scopes_supported lacks invoices:void: clients may not get them")
		if n := issuer.Count(oauthtest.EndpointOAuthMetadata); n != 0 {
			t.Errorf("the issuer was asked %d times for an edit that does not change the question", n)
		}
	})
	t.Run("and when it does not", func(t *testing.T) {
		w := w.in(t)
		issuer.SetOutage(true)
		if _, err := w.prober.AnswerNow(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		w.writes.take()
		w.settle(s)
		w.wantWrites() // one packet may be lost
		if again := w.probe(s); again > time.Minute {
			t.Errorf("asks again after %s, want soon", again)
		}
		w.wantIssuer(s, "False IssuerUnreachable", "GET https://example.com/.well-known/oauth-authorization-server/realms/acme: the connection ends before the answer does")
		w.writes.take()
		w.probe(s)
		w.wantWrites() // no news
		issuer.SetOutage(false)
		w.probe(s)
		w.wantIssuer(s, "True IssuerDiscovered", "metadata and keys are there")
	})
	t.Run("and what is wrong with it", func(t *testing.T) {
		w := w.in(t)
		issuer.SetMetadata(map[string]any{"code_challenge_methods_supported": nil})
		w.probe(s)
		w.wantIssuer(s, "False PKCENotAdvertised", "lacks S256")
		issuer.ResetMetadata()
	})
	t.Run("of opaque tokens", func(t *testing.T) {
		w := w.in(t)
		issuer.SetMetadata(map[string]any{"introspection_endpoint": nil})
		w.update(s, func() {
			bundle := s.Spec.Tokens.CABundleRef
			opaque(s)
			s.Spec.Tokens.CABundleRef = bundle
		})
		w.settle(s)
		w.wantIssuer(s, "Unknown NotAsked", "") // another question
		w.probe(s)
		w.wantIssuer(s, "False IntrospectionMissing", "the metadata has no introspection_endpoint")
	})
}

func TestIssuerDiscoveredFollowsTheCABundle(t *testing.T) {
	w := newWorld(t)
	issuer := w.issuer()
	s := w.readyAt(issuerURL)
	bundle := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "issuer-ca", Namespace: w.namespace}}
	steps := []struct {
		what            string
		bundle          map[string]string
		condition, text string
	}{
		{"another key", map[string]string{"root.pem": "x"}, "False CABundleMissing", "ConfigMap issuer-ca, which spec.tokens.caBundleRef names, has no key ca.crt"},
		{"no certificate", map[string]string{"ca.crt": "x"}, "False CABundleInvalid", "has no PEM certificate"},
		{"nothing", nil, "False CABundleMissing", "ConfigMap issuer-ca, which spec.tokens.caBundleRef names, does not exist"},
		{"its own", map[string]string{"ca.crt": string(issuer.CAPEM())}, "True IssuerDiscovered", "metadata and keys are there"},
	}
	for _, step := range steps {
		if err := w.person.Delete(t.Context(), bundle); err != nil && step.what != "its own" {
			t.Fatal(err)
		}
		if step.bundle != nil {
			bundle.ResourceVersion, bundle.UID, bundle.Data = "", "", step.bundle
			w.create(bundle)
		}
		w.probe(s)
		w.wantIssuer(s, step.condition, step.text)
		if t.Failed() {
			t.Fatalf("after %s", step.what)
		}
	}
	w.update(s, func() { s.Spec.Tokens.CABundleRef.Key = "" }) // ca.crt, too
	w.settle(s)
	w.probe(s)
	w.wantIssuer(s, "True IssuerDiscovered", "metadata and keys are there")
}

func TestOperatorThatAsksNoIssuersSaysSo(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.reconciler = controllers.NewReconciler(w.cached, w.cached, w.asker, nil, w.apis, w.events, platform, controllers.Policy{})
	w.reconciler.SettlePods()
	w.settle(s)
	w.wantIssuer(s, "Unknown ProbeDisabled", "the operator asks no issuers (its --issuer-probe=false)")
	w.writes.take()
	w.settle(s)
	w.wantWrites()
}

// Nothing but the issuer has changed, and nobody waits for it.
func TestRestartedOperatorKeepsWhatWasSaidOfIssuers(t *testing.T) {
	w := newWorld(t)
	issuer := w.issuer()
	s := w.readyAt(issuerURL)
	w.probe(s)
	w.writes.take()
	w.stop()
	w.operator = startOperator(t, w.network)
	w.settle(s)
	w.wantIssuer(s, "True IssuerDiscovered", "metadata and keys are there")
	w.probe(s)
	w.wantWrites()

	issuer.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Status: http.StatusInternalServerError})
	w.probe(s)
	w.wantIssuer(s, "False KeysMissing", "GET jwks_uri of the metadata answers 500, want 200")
	since := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionIssuerDiscovered).LastTransitionTime
	w.stop()
	w.operator = startOperator(t, w.network)
	w.settle(s)
	w.wantIssuer(s, "False KeysMissing", "answers 500")
	if now := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionIssuerDiscovered).LastTransitionTime; !now.Equal(&since) {
		t.Errorf("in this state since %s, want since %s", now, since)
	}
}

// From the object to the condition, with everything that wakes in between.
func TestRunningOperatorAsksIssuers(t *testing.T) {
	w := newWorld(t)
	runOperator(w)
	issuer := w.issuer()
	issuer.SetFault(oauthtest.EndpointOAuthMetadata, oauthtest.Fault{Times: 1, Close: true})
	issuer.SetFault(oauthtest.EndpointOpenIDMetadata, oauthtest.Fault{Times: 1, Close: true})
	issuer.SetFault(oauthtest.EndpointOpenIDMetadataAppended, oauthtest.Fault{Times: 1, Close: true})
	s := w.server("a")
	s.Spec.Issuer = issuerURL
	w.create(s)
	w.becomes(s, "IssuerDiscovered", "True IssuerDiscovered")
	other := w.server("b")
	w.create(other) // at auth.example.com, where nobody is
	w.becomes(other, "IssuerDiscovered", "False IssuerUnreachable")
	w.update(other, func() { other.Spec.Issuer = issuerURL })
	w.becomes(other, "IssuerDiscovered", "True IssuerDiscovered")
}
