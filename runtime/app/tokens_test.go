package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// startWith starts the billing server after a change of its configuration.
func startWith(t *testing.T, change func(*config.RuntimeConfig), options ...oauthtest.Option) fixture {
	t.Helper()
	issuer := oauthtest.New(t, append(options, oauthtest.WithAudience(runtimetest.Resource))...)
	api := runtimetest.NewAPI(t, nil)
	c := runtimetest.Billing(issuer.Issuer(), api.URL)
	change(c)
	return fixture{Runtime: runtimetest.Start(t, c), issuer: issuer, api: api}
}

func (f fixture) lookup(token string) *runtimetest.Response {
	return f.Do(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "INV-1"}))
}

func (f fixture) void(token string) *runtimetest.Response {
	return f.Do(runtimetest.Call(token, "void_invoice", map[string]any{"invoiceId": "INV-1"}))
}

func TestOnlyListedAlgorithms(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.Algorithms = []string{"RS256"} })
	if got := f.status(f.token("invoices:read")); got != http.StatusUnauthorized {
		t.Errorf("ES256: status %d, want 401", got)
	}
	f.issuer.Rotate(jwa.RS256)
	if got := f.status(f.token("invoices:read")); got != http.StatusOK {
		t.Errorf("RS256: status %d, want 200", got)
	}
}

func TestKeysFromAnotherPlace(t *testing.T) {
	keys := oauthtest.New(t)
	f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.JWKSURI = keys.URL + "/jwks" })
	signed := func(by *oauthtest.Server) string {
		return f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.SignedWith(by.SigningKey()))
	}
	if got := f.status(signed(keys)); got != http.StatusOK {
		t.Errorf("a key of that place: status %d, want 200", got)
	}
	if got := f.status(signed(f.issuer)); got != http.StatusUnauthorized {
		t.Errorf("a key of the metadata's place: status %d, want 401", got)
	}
}

func TestScopesFromOtherClaims(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.ScopeClaims = []string{"permissions", "roles"} })
	for name, tc := range map[string]struct {
		claims oauthtest.Claims
		status int
	}{
		"the first":              {oauthtest.Claims{"permissions": []string{"invoices:read"}}, 200},
		"the second":             {oauthtest.Claims{"roles": "invoices:read"}, 200},
		"one that is not listed": {oauthtest.Claims{"scope": "invoices:read"}, 403},
		"the first of both":      {oauthtest.Claims{"permissions": []string{}, "roles": "invoices:read"}, 403},
		"one of a string":        {oauthtest.Claims{"roles": "contractors invoices:read"}, 200},
		"a role with a space":    {oauthtest.Claims{"roles": []string{"contractors invoices:read"}}, 403},
		"two roles with a space": {oauthtest.Claims{"roles": []string{"contractors invoices:read", "x"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			if got := f.status(f.issuer.Token(tc.claims)); got != tc.status {
				t.Errorf("status %d, want %d", got, tc.status)
			}
		})
	}
}

func TestClockSkew(t *testing.T) {
	for name, tc := range map[string]struct {
		skew   *int
		status int
	}{
		"none":        {new(int), 401},
		"the default": {nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.ClockSkewSeconds = tc.skew })
			late := oauthtest.Claims{"scope": "invoices:read", "exp": time.Now().Add(-5 * time.Second)}
			early := oauthtest.Claims{"scope": "invoices:read", "nbf": time.Now().Add(25 * time.Second)}
			if got := f.status(f.issuer.Token(late)); got != tc.status {
				t.Errorf("expired 5 s ago: status %d, want %d", got, tc.status)
			}
			if got := f.status(f.issuer.Token(early)); got != tc.status {
				t.Errorf("valid in 25 s: status %d, want %d", got, tc.status)
			}
		})
	}
}

func TestScopesGrantedByClaims(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Scopes[1].GrantedBy = "'billing-admins' in claims.groups && claims.level >= 2"
	})
	for name, tc := range map[string]struct {
		claims oauthtest.Claims
		status int
	}{
		"the claims fit":                {oauthtest.Claims{"groups": []string{"x", "billing-admins"}, "level": 2}, 200},
		"a value does not fit":          {oauthtest.Claims{"groups": []string{"billing-admins"}, "level": 1}, 403},
		"another group":                 {oauthtest.Claims{"groups": []string{"billing-adminss"}, "level": 2}, 403},
		"a claim is missing":            {oauthtest.Claims{"level": 2}, 403},
		"a claim is of another type":    {oauthtest.Claims{"groups": 7, "level": 2}, 403},
		"a string that holds the group": {oauthtest.Claims{"groups": "billing-admins", "level": 2}, 403},
		"the scope is in the token":     {oauthtest.Claims{"scope": "invoices:write"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if resp := f.void(f.issuer.Token(tc.claims)); resp.Status != tc.status {
				t.Errorf("status %d, want %d: %s", resp.Status, tc.status, resp.Body)
			}
		})
	}
}

// Identifiers of 64 bits are no doubles: two tenants whose numbers a double does not
// tell apart are two tenants.
func TestScopesAreGrantedByExactNumbers(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Scopes[1].GrantedBy = "claims.tenant == 1234567890123456789 || 18446744073709551615u in claims.tenants || claims.org.id == -1234567890123456789 || claims.level + 1.0 == 3.0"
	})
	for name, tc := range map[string]struct {
		claims string
		status int
	}{
		"the number":                        {`"tenant":1234567890123456789`, 200},
		"the next number":                   {`"tenant":1234567890123456790`, 403},
		"the number with a fraction":        {`"tenant":1234567890123456789.0`, 403},
		"a number of a list":                {`"tenant":1,"tenants":[7,18446744073709551615]`, 200},
		"another number of a list":          {`"tenant":1,"tenants":[7,18446744073709551614]`, 403},
		"one that nothing can hold":         {`"tenant":1,"tenants":[18446744073709551616]`, 403},
		"a number inside of an object":      {`"tenant":1,"tenants":[],"org":{"id":-1234567890123456789}`, 200},
		"another one inside of an object":   {`"tenant":1,"tenants":[],"org":{"id":-1234567890123456788}`, 403},
		"a small number, which is a double": {`"tenant":1,"tenants":[],"org":{"id":1},"level":2`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if resp := f.void(f.issuer.Token(nil, oauthtest.RawPayload(rawPayload(f, tc.claims)), oauthtest.Header("typ", "JWT"))); resp.Status != tc.status {
				t.Errorf("status %d, want %d: %s", resp.Status, tc.status, resp.Body)
			}
		})
	}
}

func TestStepUpAuthentication(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Tools[1].Authentication = &config.Authentication{ACRValues: []string{"urn:mfa", "urn:hwk"}, MaxAgeSeconds: 300}
	})
	login := func(acr any, ago time.Duration) string {
		return f.issuer.Token(oauthtest.Claims{"scope": "invoices:write", "acr": acr, "auth_time": time.Now().Add(-ago)})
	}
	for name, tc := range map[string]struct {
		token  string
		status int
	}{
		"strong and fresh":           {login("urn:mfa", time.Minute), 200},
		"strong in another way":      {login("urn:hwk", 0), 200},
		"too weak":                   {login("urn:password", time.Minute), 401},
		"too long ago":               {login("urn:mfa", 10*time.Minute), 401},
		"does not say how":           {login(nil, time.Minute), 401},
		"does not say when":          {f.issuer.Token(oauthtest.Claims{"scope": "invoices:write", "acr": "urn:mfa"}), 401},
		"in the future":              {login("urn:mfa", -time.Hour), 401},
		"weak and without the scope": {f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}), 401},
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.void(tc.token)
			if resp.Status != tc.status {
				t.Fatalf("status %d, want %d: %s", resp.Status, tc.status, resp.Body)
			}
			if tc.status == http.StatusOK {
				return
			}
			want := map[string]string{
				"error": "insufficient_user_authentication", "error_description": "The request needs a stronger or more recent login",
				"acr_values": "urn:mfa urn:hwk", "max_age": "300", "scope": "invoices:read invoices:write", "resource_metadata": metadataURL,
			}
			if diff := cmp.Diff(want, resp.Challenge()); diff != "" {
				t.Errorf("challenge (-want +got):\n%s", diff)
			}
		})
	}
	if resp := f.lookup(login("urn:password", time.Hour)); resp.Status != http.StatusOK {
		t.Errorf("the other tool: status %d, want 200", resp.Status)
	}
}

func TestStepUpAuthenticationAtTheDoor(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Authentication = &config.Authentication{MaxAgeSeconds: 60}
		c.Tools[0].Authentication = &config.Authentication{ACRValues: []string{"urn:mfa"}}
	})
	old := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "auth_time": time.Now().Add(-time.Hour)})
	resp := f.Do(runtimetest.Request{Token: old})
	if resp.Status != http.StatusUnauthorized || resp.Challenge()["max_age"] != "60" || resp.Challenge()["acr_values"] != "" {
		t.Errorf("status %d, challenge %v", resp.Status, resp.Challenge())
	}
	fresh := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "auth_time": time.Now()})
	if got := f.status(fresh); got != http.StatusOK {
		t.Errorf("a fresh login: status %d, want 200", got)
	}
	resp = f.lookup(fresh)
	if resp.Status != http.StatusUnauthorized || resp.Challenge()["max_age"] != "60" || resp.Challenge()["acr_values"] != "urn:mfa" {
		t.Errorf("the tool wants both: status %d, challenge %v", resp.Status, resp.Challenge())
	}
}

func TestRevocationHoldsForTokensThatAreRemembered(t *testing.T) {
	cutoff := time.Now().Add(-time.Minute).Truncate(time.Second)
	for name, tc := range map[string]struct {
		revocation config.Revocation
		revoked    oauthtest.Claims
		kept       oauthtest.Claims
	}{
		"by subject":   {config.Revocation{Subjects: []string{"mallory"}}, oauthtest.Claims{"sub": "mallory"}, oauthtest.Claims{"sub": "alice"}},
		"by client":    {config.Revocation{Clients: []string{"evil"}}, oauthtest.Claims{"client_id": "evil"}, oauthtest.Claims{"client_id": "good"}},
		"by appid":     {config.Revocation{Clients: []string{"evil"}}, oauthtest.Claims{"appid": "evil", "client_id": nil}, oauthtest.Claims{"appid": "good", "client_id": nil}},
		"by azp":       {config.Revocation{Clients: []string{"evil"}}, oauthtest.Claims{"azp": "evil", "client_id": "good"}, oauthtest.Claims{"azp": "good"}},
		"by token id":  {config.Revocation{TokenIDs: []string{"t-1"}}, oauthtest.Claims{"jti": "t-1"}, oauthtest.Claims{"jti": "t-2"}},
		"by a number":  {config.Revocation{TokenIDs: []string{"7"}}, oauthtest.Claims{"jti": 7}, oauthtest.Claims{"jti": "8"}},
		"by a list":    {config.Revocation{Clients: []string{"evil"}}, oauthtest.Claims{"azp": []string{"evil"}}, oauthtest.Claims{"azp": "good"}},
		"by date":      {config.Revocation{IssuedBefore: &cutoff}, oauthtest.Claims{"iat": cutoff.Add(-time.Second)}, oauthtest.Claims{"iat": cutoff}},
		"without date": {config.Revocation{IssuedBefore: &cutoff}, oauthtest.Claims{"iat": nil}, oauthtest.Claims{}},
	} {
		t.Run(name, func(t *testing.T) {
			f := startWith(t, func(*config.RuntimeConfig) {})
			tc.revoked["scope"], tc.kept["scope"] = "invoices:read", "invoices:read"
			// Of a typ that leaves iat to the issuer.
			typ := oauthtest.Header("typ", "JWT")
			revoked, kept := f.issuer.Token(tc.revoked, typ), f.issuer.Token(tc.kept, typ)
			if a, b := f.status(revoked), f.status(kept); a != http.StatusOK || b != http.StatusOK {
				t.Fatalf("before: status %d and %d, want 200", a, b)
			}
			c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
			c.Revocation = tc.revocation
			f.Replace(c)
			for range 2 {
				if got := f.status(revoked); got != http.StatusUnauthorized {
					t.Errorf("the revoked token: status %d, want 401", got)
				}
				if got := f.status(kept); got != http.StatusOK {
					t.Errorf("another token: status %d, want 200", got)
				}
			}
		})
	}
}
