package contract

import (
	"net/http"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// doorFields are about who may come in.
var doorFields = map[string]func(*testing.T){
	"scopes[].grantedBy": func(t *testing.T) {
		s := apply(t, patch(t, `{scopes: [{name: invoices:read, grantedBy: "'admins' in claims.groups"}], requiredScopes: [invoices:read]}`))
		for name, tc := range map[string]struct {
			claims oauthtest.Claims
			status int
		}{
			"the claim fits":     {oauthtest.Claims{"groups": []string{"admins"}}, 200},
			"it does not":        {oauthtest.Claims{"groups": []string{"users"}}, 403},
			"it is missing":      {oauthtest.Claims{}, 403},
			"a scope of its own": {oauthtest.Claims{"scope": "invoices:read"}, 200},
		} {
			if got := s.status(s.issuer.Token(tc.claims)); got != tc.status {
				t.Errorf("%s: status %d, want %d", name, got, tc.status)
			}
		}
	},
	"authentication.acrValues[]": func(t *testing.T) {
		s := apply(t, patch(t, `authentication: {acrValues: ["urn:mfa", "urn:hwk"]}`))
		loginNeeded(t, s, s.Do(runtimetest.Request{Token: s.issuer.Token(oauthtest.Claims{"acr": "urn:password"})}), "urn:mfa urn:hwk", "")
		if got := s.status(s.issuer.Token(oauthtest.Claims{"acr": "urn:hwk"})); got != http.StatusOK {
			t.Errorf("strong enough: status %d, want 200", got)
		}
	},
	"authentication.maxAgeSeconds": func(t *testing.T) {
		s := apply(t, patch(t, `authentication: {maxAgeSeconds: 300}`))
		loginNeeded(t, s, s.Do(runtimetest.Request{Token: s.login(time.Hour)}), "", "300")
		if got := s.status(s.login(time.Minute)); got != http.StatusOK {
			t.Errorf("a fresh login: status %d, want 200", got)
		}
	},
	"tools[].authentication.acrValues[]": func(t *testing.T) {
		s := apply(t, tool(t, `authentication: {acrValues: ["urn:mfa"]}`))
		weak := s.issuer.Token(oauthtest.Claims{"acr": "urn:password"})
		loginNeeded(t, s, s.lookup(weak), "urn:mfa", "")
		if got := s.status(weak); got != http.StatusOK {
			t.Errorf("the door: status %d, want 200", got)
		}
		if resp := s.lookup(s.issuer.Token(oauthtest.Claims{"acr": "urn:mfa"})); resp.Status != http.StatusOK {
			t.Errorf("strong enough: status %d, want 200", resp.Status)
		}
	},
	"tools[].authentication.maxAgeSeconds": func(t *testing.T) {
		s := apply(t, tool(t, `authentication: {maxAgeSeconds: 60}`))
		loginNeeded(t, s, s.lookup(s.login(time.Hour)), "", "60")
		if resp := s.lookup(s.login(0)); resp.Status != http.StatusOK {
			t.Errorf("a fresh login: status %d, want 200", resp.Status)
		}
	},
	"revocation.issuedBefore": func(t *testing.T) {
		cutoff := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
		revoked(t, `issuedBefore: "`+cutoff.Format(time.RFC3339)+`"`,
			oauthtest.Claims{"iat": cutoff.Add(-time.Second)}, oauthtest.Claims{"iat": cutoff})
	},
	"revocation.subjects[]": func(t *testing.T) {
		revoked(t, `subjects: [mallory]`, oauthtest.Claims{"sub": "mallory"}, oauthtest.Claims{"sub": "alice"})
	},
	"revocation.clients[]": func(t *testing.T) {
		revoked(t, `clients: [evil]`, oauthtest.Claims{"client_id": "evil"}, oauthtest.Claims{"client_id": "good"})
	},
	"revocation.tokenIDs[]": func(t *testing.T) {
		revoked(t, `tokenIDs: [t-1]`, oauthtest.Claims{"jti": "t-1"}, oauthtest.Claims{"jti": "t-2"})
	},
	"allowedOrigins[]": func(t *testing.T) {
		s := apply(t, patch(t, `allowedOrigins: ["https://app.example.com"]`))
		for origin, want := range map[string]int{"https://app.example.com": 200, "https://mcp.example.com": 200, "https://evil.example.com": 403} {
			resp := s.Do(runtimetest.Request{Token: s.token(""), Header: map[string][]string{"Origin": {origin}}})
			if resp.Status != want {
				t.Errorf("Origin %s: status %d, want %d", origin, resp.Status, want)
			}
			if got := resp.Header.Get("Access-Control-Allow-Origin"); (got == origin) != (want == 200) {
				t.Errorf("Origin %s: Access-Control-Allow-Origin %q", origin, got)
			}
		}
	},
}

// login is a token of a login so long ago.
func (s server) login(ago time.Duration) string {
	return s.issuer.Token(oauthtest.Claims{"auth_time": time.Now().Add(-ago)})
}

// loginNeeded checks the answer to a login that is not enough.
func loginNeeded(t *testing.T, s server, resp *runtimetest.Response, acrValues, maxAge string) {
	t.Helper()
	c := resp.Challenge()
	if resp.Status != http.StatusUnauthorized || c["error"] != "insufficient_user_authentication" || c["acr_values"] != acrValues || c["max_age"] != maxAge {
		t.Errorf("status %d, challenge %v; want 401 with acr_values %q and max_age %q", resp.Status, c, acrValues, maxAge)
	}
	if len(s.api.Requests()) != 0 {
		t.Error("the upstream was asked")
	}
}

// revoked checks that a revocation refuses one token and not the other.
func revoked(t *testing.T, revocation string, bad, good oauthtest.Claims) {
	t.Helper()
	s := apply(t, patch(t, `revocation: {`+revocation+`}`))
	resp := s.Do(runtimetest.Request{Token: s.issuer.Token(bad)})
	if resp.Status != http.StatusUnauthorized || resp.Challenge()["error"] != "invalid_token" {
		t.Errorf("the revoked token: status %d, challenge %v; want 401 invalid_token", resp.Status, resp.Challenge())
	}
	if got := s.status(s.issuer.Token(good)); got != http.StatusOK {
		t.Errorf("another token: status %d, want 200", got)
	}
}
