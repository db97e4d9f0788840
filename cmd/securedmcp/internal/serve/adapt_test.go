package serve

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func manifestSpec() v1alpha1.SecuredMCPServerSpec {
	return v1alpha1.SecuredMCPServerSpec{
		Resource:  "https://mcp.example.com/billing",
		Issuer:    "https://auth.example.com",
		Tokens:    v1alpha1.Tokens{CABundleRef: &v1alpha1.ConfigMapKeyRef{Name: "ca"}},
		Upstreams: []v1alpha1.Upstream{{Name: "api", HTTP: &v1alpha1.HTTPUpstream{URL: "http://api.billing.svc"}}},
	}
}

func TestWhatIsReplacedHere(t *testing.T) {
	const base, dev = "http://127.0.0.1:8080", "http://127.0.0.1:9000"
	ca := &v1alpha1.ConfigMapKeyRef{Name: "ca"}
	type values struct {
		Issuer, Resource, Audience, Upstream string
		CA                                   *v1alpha1.ConfigMapKeyRef
		Changes                              []string
	}
	cases := map[string]struct {
		local    local
		audience string
		want     values
	}{
		"nothing, when nothing is asked": {
			local{base: base},
			"",
			values{Issuer: "https://auth.example.com", Resource: "https://mcp.example.com/billing", Upstream: "http://api.billing.svc", CA: ca},
		},
		"issuer, its CA, resource and audience with a development issuer": {
			local{base: base, issuer: dev},
			"",
			values{Issuer: dev, Resource: base + "/billing", Upstream: "http://api.billing.svc", Changes: []string{"issuer", "tokens.caBundleRef", "resource", "audience"}},
		},
		"the audience too when it is written out as the resource": {
			local{base: base, issuer: dev},
			"https://mcp.example.com/billing",
			values{Issuer: dev, Resource: base + "/billing", Upstream: "http://api.billing.svc", Changes: []string{"issuer", "tokens.caBundleRef", "resource", "audience"}},
		},
		"not an audience of its own": {
			local{base: base, issuer: dev},
			"api://billing",
			values{Issuer: dev, Resource: base + "/billing", Audience: "api://billing", Upstream: "http://api.billing.svc", Changes: []string{"issuer", "tokens.caBundleRef", "resource"}},
		},
		"the resource as asked, which wins over where it listens": {
			local{base: base, issuer: dev, resource: "https://tunnel.example/x"},
			"",
			values{Issuer: dev, Resource: "https://tunnel.example/x", Upstream: "http://api.billing.svc", Changes: []string{"issuer", "tokens.caBundleRef", "resource", "audience"}},
		},
		"the resource as asked, with the real issuer": {
			local{base: base, resource: base + "/x"},
			"",
			values{Issuer: "https://auth.example.com", Resource: base + "/x", Upstream: "http://api.billing.svc", CA: ca, Changes: []string{"resource", "audience"}},
		},
		"an upstream": {
			local{base: base, upstreams: map[string]string{"api": "http://127.0.0.1:1"}},
			"",
			values{Issuer: "https://auth.example.com", Resource: "https://mcp.example.com/billing", Upstream: "http://127.0.0.1:1", CA: ca, Changes: []string{"upstream api"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := &v1alpha1.SecuredMCPServer{Spec: manifestSpec()}
			server.Spec.Audience = tc.audience
			before := server.DeepCopy()
			adapted, changes, err := tc.local.adapt(server)
			if err != nil {
				t.Fatal(err)
			}
			spec := adapted.Spec
			got := values{Issuer: spec.Issuer, Resource: spec.Resource, Audience: spec.Audience, Upstream: spec.Upstreams[0].HTTP.URL, CA: spec.Tokens.CABundleRef}
			for _, c := range changes {
				got.Changes = append(got.Changes, c.field)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, server); diff != "" {
				t.Errorf("the manifest itself was changed:\n%s", diff)
			}
		})
	}
}

// What only the real issuer's tokens could meet is changed with it.
func TestTokensOfADevelopmentIssuer(t *testing.T) {
	ref := &v1alpha1.SecretKeyRef{Name: "client", Key: "secret"}
	for name, tc := range map[string]struct {
		tokens, want v1alpha1.Tokens
		changes      []string
	}{
		"nothing to change": {
			v1alpha1.Tokens{Type: v1alpha1.TokenTypeJWT, Algorithms: []v1alpha1.SigningAlgorithm{"RS256", "ES256"}, ScopeClaims: []string{"scp", "scope"}, DPoP: v1alpha1.DPoPRequired},
			v1alpha1.Tokens{Type: v1alpha1.TokenTypeJWT, Algorithms: []v1alpha1.SigningAlgorithm{"RS256", "ES256"}, ScopeClaims: []string{"scp", "scope"}, DPoP: v1alpha1.DPoPRequired},
			nil,
		},
		"opaque tokens": {
			v1alpha1.Tokens{Type: v1alpha1.TokenTypeOpaque, Introspection: &v1alpha1.Introspection{ClientID: "mcp", ClientSecretRef: ref}},
			v1alpha1.Tokens{Type: v1alpha1.TokenTypeJWT},
			[]string{"tokens.type"},
		},
		"other keys, algorithms and claims": {
			v1alpha1.Tokens{JWKSURI: "https://auth.example.com/jwks", Algorithms: []v1alpha1.SigningAlgorithm{"RS256"}, ScopeClaims: []string{"permissions"}},
			v1alpha1.Tokens{Algorithms: []v1alpha1.SigningAlgorithm{"ES256"}},
			[]string{"tokens.jwksURI", "tokens.algorithms", "tokens.scopeClaims"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []string
			for _, c := range adaptTokens(&tc.tokens) {
				changes = append(changes, c.field)
			}
			if diff := cmp.Diff(tc.want, tc.tokens); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.changes, changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTLSOfPodsIsServedWhereTheResourceIsHTTPS(t *testing.T) {
	const base, dev = "http://127.0.0.1:8080", "http://127.0.0.1:9000"
	for name, tc := range map[string]struct {
		local local
		kept  bool
	}{
		"nothing is asked":                       {local{base: base}, true},
		"a development issuer":                   {local{base: base, issuer: dev}, false},
		"a development issuer, and https":        {local{base: base, issuer: dev, resource: "https://tunnel.example/x"}, false},
		"the resource moves to http":             {local{base: base, resource: base + "/x"}, false},
		"the resource moves to another of https": {local{base: base, resource: "https://other.example.com/x"}, true},
	} {
		server := &v1alpha1.SecuredMCPServer{Spec: manifestSpec()}
		server.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
		adapted, _, err := tc.local.adapt(server)
		if err != nil {
			t.Fatal(err)
		}
		if got := adapted.Spec.Exposure.TLS != nil; got != tc.kept {
			t.Errorf("%s: TLS is served: %v, want %v", name, got, tc.kept)
		}
	}
}

func TestAnUndeclaredUpstreamIsAUsageError(t *testing.T) {
	l := local{upstreams: map[string]string{"other": "http://127.0.0.1:1", "api": "http://127.0.0.1:2"}}
	_, _, err := l.adapt(&v1alpha1.SecuredMCPServer{Spec: manifestSpec()})
	if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "--upstream other") || !strings.Contains(err.Error(), "declared: api") {
		t.Errorf("error %v", err)
	}
}
