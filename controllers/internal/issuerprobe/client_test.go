package issuerprobe_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
	"github.com/securedmcp/operator/test/oauthtest"
)

// client may ask at loopback addresses, where the issuers of tests are.
func client() *issuerprobe.Client { return issuerprobe.NewClient((&net.Dialer{}).DialContext) }

func question(s *oauthtest.Server) issuerprobe.Question {
	return issuerprobe.Question{Issuer: s.Issuer(), CABundle: s.CAPEM()}
}

// keys is a JWKS with an RSA key that has these members too.
func keys(members string) oauthtest.Fault {
	return oauthtest.Fault{Body: `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"` + members + `}]}`}
}

func TestJudgementOfAnIssuer(t *testing.T) {
	const oauth, openID = oauthtest.EndpointOAuthMetadata, oauthtest.EndpointOpenIDMetadata
	tests := map[string]struct {
		path    string
		issuer  func(s *oauthtest.Server)
		ask     func(s *oauthtest.Server, q *issuerprobe.Question)
		reason  string
		message string
	}{
		"as it should be": {reason: "IssuerDiscovered", message: "metadata and keys are there, and PKCE is advertised"},
		"with a path":     {path: "/realms/acme", reason: "IssuerDiscovered", message: "metadata and keys are there"},
		"with a slash":    {path: "/", reason: "IssuerDiscovered", message: "metadata and keys are there"},
		"with OpenID Connect Discovery alone": {
			path: "/realms/acme",
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauth, oauthtest.Fault{Status: http.StatusNotFound})
				s.SetFault(openID, oauthtest.Fault{Status: http.StatusNotFound})
			},
			reason: "IssuerDiscovered", message: "metadata and keys are there",
		},
		"that introspects": {
			issuer: func(s *oauthtest.Server) {
				s.SetMetadata(map[string]any{"jwks_uri": nil})
			},
			ask:    func(_ *oauthtest.Server, q *issuerprobe.Question) { q.Opaque = true },
			reason: "IssuerDiscovered", message: "metadata and introspection endpoint are there",
		},
		"whose keys are elsewhere": {
			issuer: func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"jwks_uri": nil}) },
			ask: func(s *oauthtest.Server, q *issuerprobe.Question) {
				q.KeysURL = s.URL + "/jwks"
			},
			reason: "IssuerDiscovered", message: "metadata and keys are there",
		},
		"whose members for clients have other types": {
			issuer: func(s *oauthtest.Server) {
				s.SetMetadata(map[string]any{"scopes_supported": "all", "protected_resources": 5, "resource_indicators_supported": "yes"})
			},
			reason: "IssuerDiscovered", message: "metadata and keys are there",
		},
		"without metadata": {
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauth, oauthtest.Fault{Status: http.StatusNotFound, Body: "<secret>"})
				s.SetFault(openID, oauthtest.Fault{Body: "<html>", Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}})
			},
			reason:  "MetadataMissing",
			message: "GET ISSUER/.well-known/oauth-authorization-server answers 404, want 200; GET ISSUER/.well-known/openid-configuration answers with an HTML page, want JSON",
		},
		"that redirects": {
			issuer: func(s *oauthtest.Server) {
				for _, endpoint := range []oauthtest.Endpoint{oauth, openID} {
					s.SetFault(endpoint, oauthtest.Fault{Status: http.StatusFound, Header: http.Header{"Location": {s.URL + "/jwks"}}})
				}
			},
			reason: "MetadataMissing", message: "answers 302, want 200",
		},
		"whose metadata has no end": {
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauth, oauthtest.Fault{Pad: 600 << 10})
				s.SetFault(openID, oauthtest.Fault{Body: "[]"})
			},
			reason: "MetadataMissing", message: "answers with more than 524288 bytes; GET ISSUER/.well-known/openid-configuration answers with no authorization server metadata",
		},
		"whose metadata is no JSON": {
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauth, oauthtest.Fault{Body: "{"})
				s.SetFault(openID, oauthtest.Fault{Body: "{"})
			},
			reason: "MetadataMissing", message: "does not answer with JSON",
		},
		"that is another one": {
			issuer: func(s *oauthtest.Server) {
				s.SetMetadata(map[string]any{"issuer": "https://evil.example.com/\x1b[31m"})
			},
			reason:  "IssuerMismatch",
			message: "the metadata names another issuer than spec.issuer, and both must be the same byte for byte: it names what is no URL",
		},
		"that ends with a slash": {
			issuer: func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"issuer": s.Issuer() + "/"}) },
			reason: "IssuerMismatch", message: "it ends with a slash, as spec.issuer does not",
		},
		"whose metadata has no issuer": {
			issuer: func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"issuer": nil}) },
			reason: "IssuerMismatch", message: "it names none",
		},
		"that is another one at one place and absent at the other": {
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauth, oauthtest.Fault{Status: http.StatusNotFound})
				s.SetMetadata(map[string]any{"issuer": "https://other.example.com"})
			},
			reason: "IssuerMismatch", message: "the hosts differ",
		},
		"without jwks_uri": {
			issuer: func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"jwks_uri": nil}) },
			reason: "KeysMissing", message: "the metadata has no jwks_uri",
		},
		"with jwks_uri over http": {
			issuer: func(s *oauthtest.Server) {
				s.SetMetadata(map[string]any{"jwks_uri": "http://127.0.0.1/jwks"})
			},
			reason: "KeysMissing", message: "jwks_uri of the metadata is not an absolute URL with https",
		},
		"without keys at jwks_uri": {
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Status: http.StatusInternalServerError, Body: "<secret>"})
			},
			reason: "KeysMissing", message: "GET jwks_uri of the metadata answers 500, want 200",
		},
		"with an empty key set": {
			issuer: func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":[]}`}) },
			reason: "KeysMissing", message: "answers with no key that verifies signatures",
		},
		"with no key set": {
			issuer: func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{}`}) },
			reason: "KeysMissing", message: "answers with no JWKS",
		},
		"with more keys than pods take": {
			issuer: func(s *oauthtest.Server) {
				s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":[` + strings.Repeat("{},", 64) + `{}]}`})
			},
			reason: "KeysMissing", message: "answers with more than 64 keys",
		},
		"with a key for encryption": {
			issuer: func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, keys(`,"use":"enc"`)) },
			reason: "KeysMissing", message: "answers with no key that verifies signatures",
		},
		"with a key that is secret no more": {
			issuer: func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, keys(`,"d":"AQAB"`)) },
			reason: "KeysMissing", message: "answers with no key that verifies signatures",
		},
		"without keys where spec.tokens.jwksURI says": {
			ask:    func(s *oauthtest.Server, q *issuerprobe.Question) { q.KeysURL = s.URL + "/nowhere" },
			reason: "KeysMissing", message: "GET ISSUER/nowhere answers 404, want 200",
		},
		"that does not introspect": {
			issuer: func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"introspection_endpoint": nil}) },
			ask:    func(_ *oauthtest.Server, q *issuerprobe.Question) { q.Opaque = true },
			reason: "IntrospectionMissing", message: "the metadata has no introspection_endpoint",
		},
		"without PKCE": {
			issuer: func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"code_challenge_methods_supported": nil}) },
			reason: "PKCENotAdvertised", message: "lacks S256",
		},
		"with plain PKCE": {
			issuer: func(s *oauthtest.Server) {
				s.SetMetadata(map[string]any{"code_challenge_methods_supported": []string{"plain"}})
			},
			reason: "PKCENotAdvertised", message: "lacks S256",
		},
		"that is down": {
			issuer: func(s *oauthtest.Server) { s.SetOutage(true) },
			reason: "IssuerUnreachable", message: "GET ISSUER/.well-known/oauth-authorization-server: the connection ends before the answer does; GET ISSUER/.well-known/openid-configuration: the connection ends",
		},
		"that has no authority which is trusted": {
			ask:    func(_ *oauthtest.Server, q *issuerprobe.Question) { q.CABundle = nil },
			reason: "IssuerUntrusted", message: "no trusted authority vouches for its certificate; a private one belongs into spec.tokens.caBundleRef",
		},
		"whose certificate is for another host": {
			ask: func(_ *oauthtest.Server, q *issuerprobe.Question) {
				q.Issuer = strings.Replace(q.Issuer, "127.0.0.1", "localhost", 1)
			},
			reason: "IssuerUntrusted", message: "its certificate is for another host",
		},
		"that speaks no TLS": {
			ask: func(_ *oauthtest.Server, q *issuerprobe.Question) {
				plain := oauthtest.New(t)
				q.Issuer = strings.Replace(plain.Issuer(), "http://", "https://", 1)
			},
			reason: "IssuerUnreachable", message: "what answers does not speak HTTP as wanted",
		},
		"that nobody listens for": {
			ask: func(_ *oauthtest.Server, q *issuerprobe.Question) { q.Issuer = "https://127.0.0.1:1" },
			// The second place is at the same address.
			reason: "IssuerUnreachable", message: "GET https://127.0.0.1:1/.well-known/oauth-authorization-server: connection refused",
		},
		"with a bundle that is none": {
			ask:    func(_ *oauthtest.Server, q *issuerprobe.Question) { q.CABundle = []byte("-----BEGIN") },
			reason: "CABundleInvalid", message: "has no PEM certificate",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := oauthtest.New(t, oauthtest.WithTLS(), oauthtest.WithIssuerPath(test.path))
			q := question(s)
			if test.issuer != nil {
				test.issuer(s)
			}
			if test.ask != nil {
				test.ask(s, &q)
			}
			answer := client().Ask(t.Context(), q)
			if answer.Reason != test.reason {
				t.Errorf("reason %s, want %s", answer.Reason, test.reason)
			}
			spec := &v1alpha1.SecuredMCPServerSpec{Audience: "set up by hand"}
			if q.Opaque {
				spec.Tokens.Type = v1alpha1.TokenTypeOpaque
			}
			message := answer.Message(spec)
			if want := strings.ReplaceAll(test.message, "ISSUER", s.Issuer()); !strings.Contains(message, want) {
				t.Errorf("message %q, want it to have %q", message, want)
			}
			for _, theirs := range []string{"secret", "evil", "\x1b"} {
				if strings.Contains(message, theirs) {
					t.Errorf("message %q repeats what the issuer wrote: %s", message, theirs)
				}
			}
		})
	}
}

// What the connection goes through is chosen by Guarded in the operator.
func TestGuardedClientAsksNobodyOnItsOwnMachine(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithTLS())
	tests := map[string]struct {
		dial issuerprobe.Dial
		ask  func(q *issuerprobe.Question)
	}{
		"as the issuer": {
			dial: issuerprobe.Guarded(nil),
			ask:  func(*issuerprobe.Question) {},
		},
		"by a name": {
			dial: issuerprobe.Guarded(nil),
			ask:  func(q *issuerprobe.Question) { q.Issuer = strings.Replace(q.Issuer, "127.0.0.1", "localhost", 1) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := question(s)
			test.ask(&q)
			answer := issuerprobe.NewClient(test.dial).Ask(t.Context(), q)
			if answer.Reason != v1alpha1.ReasonAddressNotAllowed {
				t.Errorf("reason %s: %s, want AddressNotAllowed", answer.Reason, answer.Message(new(v1alpha1.SecuredMCPServerSpec)))
			}
			if want := "the host leads to a loopback address, where the operator asks nobody"; !strings.Contains(answer.Message(new(v1alpha1.SecuredMCPServerSpec)), want) {
				t.Errorf("message %q, want it to have %q", answer.Message(new(v1alpha1.SecuredMCPServerSpec)), want)
			}
		})
	}
	if n := s.Count(oauthtest.EndpointOAuthMetadata); n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// An issuer's metadata can say anything about where its keys are.
func TestKeysAreNotLookedForAtForbiddenAddresses(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithTLS())
	s.SetMetadata(map[string]any{"jwks_uri": "https://169.254.169.254/latest/meta-data"})
	guarded := issuerprobe.Guarded(nil)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if "https://"+address == s.URL {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return guarded(ctx, network, address)
	}
	answer := issuerprobe.NewClient(dial).Ask(t.Context(), question(s))
	const want = "GET jwks_uri of the metadata: the host leads to a link-local address, where the operator asks nobody"
	if message := answer.Message(new(v1alpha1.SecuredMCPServerSpec)); answer.Reason != v1alpha1.ReasonAddressNotAllowed || message != want {
		t.Errorf("%s: %s, want AddressNotAllowed: %s", answer.Reason, message, want)
	}
}

func TestAnIssuerThatDoesNotAnswerIsUnreachable(t *testing.T) {
	silent := make(chan struct{})
	defer close(silent)
	s := oauthtest.New(t, oauthtest.WithTLS())
	for _, endpoint := range oauthtest.MetadataEndpoints {
		s.SetFault(endpoint, oauthtest.Fault{Until: silent})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // sooner than 5 s
	defer cancel()
	answer := client().Ask(ctx, question(s))
	const want = "no answer within 5s"
	if message := answer.Message(new(v1alpha1.SecuredMCPServerSpec)); !answer.Unreachable() || !strings.Contains(message, want) {
		t.Errorf("%s: %s, want IssuerUnreachable: %s", answer.Reason, message, want)
	}
}

// A change of the answer is a write for each of its servers.
func TestAnswersThatSayTheSameAreEqual(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithTLS())
	s.SetMetadata(map[string]any{"scopes_supported": []string{"b", "a"}, "protected_resources": []string{"y", "x"}})
	before := client().Ask(t.Context(), question(s))
	s.SetMetadata(map[string]any{"scopes_supported": []string{"a", "b", "a"}, "protected_resources": []string{"x", "y"}})
	if after := client().Ask(t.Context(), question(s)); !after.Equal(&before) {
		t.Errorf("answers %+v and %+v differ", before, after)
	}
	s.SetMetadata(map[string]any{"scopes_supported": []string{"a"}})
	if after := client().Ask(t.Context(), question(s)); after.Equal(&before) {
		t.Error("a scope that is gone makes no difference")
	}
}

func TestHintsOfAnIssuerThatIsAsItShouldBe(t *testing.T) {
	const (
		resource  = "https://mcp.example.com/billing"
		fine      = "metadata and keys are there, and PKCE is advertised"
		indicator = "it does not advertise resource indicators (RFC 8707): tokens may lack the audience that is wanted, which then has to be set up at the issuer, or as spec.audience"
	)
	scopes := func(names ...string) []v1alpha1.Scope {
		var all []v1alpha1.Scope
		for _, name := range names {
			all = append(all, v1alpha1.Scope{Name: name})
		}
		return all
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprint("scope", i)
	}
	tests := map[string]struct {
		metadata map[string]any
		spec     v1alpha1.SecuredMCPServerSpec
		want     string
	}{
		"nothing said of resource indicators": {want: fine + "; " + indicator},
		"another audience is set up":          {spec: v1alpha1.SecuredMCPServerSpec{Audience: "billing"}, want: fine},
		"the resource set as audience":        {spec: v1alpha1.SecuredMCPServerSpec{Audience: resource}, want: fine + "; " + indicator},
		"resource indicators are advertised":  {metadata: map[string]any{"resource_indicators_supported": true}, want: fine},
		"the resource is listed":              {metadata: map[string]any{"protected_resources": []string{"https://a.example.com", resource}}, want: fine},
		"other resources are listed": {
			metadata: map[string]any{"protected_resources": []string{"https://a.example.com"}, "resource_indicators_supported": true},
			want:     fine + "; its protected_resources lacks spec.resource: tokens may not be issued for it",
		},
		"a scope is missing": {
			metadata: map[string]any{"scopes_supported": []string{"openid", "read"}, "resource_indicators_supported": true},
			spec:     v1alpha1.SecuredMCPServerSpec{Scopes: scopes("write", "read")},
			want:     fine + "; its scopes_supported lacks write: clients may not get them",
		},
		"more scopes are missing than a message holds": {
			metadata: map[string]any{"scopes_supported": []string{}, "resource_indicators_supported": true},
			spec:     v1alpha1.SecuredMCPServerSpec{Scopes: scopes("g", "a", "b", "c", "d", "e", "f")},
			want:     fine + "; its scopes_supported lacks g, a, b, c, d and 2 more: clients may not get them",
		},
		"a missing scope is granted by claims": {
			metadata: map[string]any{"scopes_supported": []string{"openid"}, "resource_indicators_supported": true},
			spec:     v1alpha1.SecuredMCPServerSpec{Scopes: []v1alpha1.Scope{{Name: "read", GrantedBy: "true"}}},
			want:     fine,
		},
		"scopes are not listed": {
			metadata: map[string]any{"resource_indicators_supported": true},
			spec:     v1alpha1.SecuredMCPServerSpec{Scopes: scopes("read")},
			want:     fine,
		},
		"more scopes are listed than are kept": {
			metadata: map[string]any{"scopes_supported": many, "resource_indicators_supported": true},
			spec:     v1alpha1.SecuredMCPServerSpec{Scopes: scopes("read")},
			want:     fine,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := oauthtest.New(t, oauthtest.WithTLS())
			s.SetMetadata(test.metadata)
			test.spec.Resource = resource
			answer := client().Ask(t.Context(), question(s))
			if got := answer.Message(&test.spec); got != test.want {
				t.Errorf("message\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
