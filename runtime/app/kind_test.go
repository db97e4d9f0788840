package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// Tokens of one issuer for one audience, which were issued for another end: the
// client of an MCP server may well be named as the server is.
func TestTokensOfOtherKindsAreNoAccessTokens(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Scopes[1].GrantedBy = "'billing-admins' in claims.groups" })
	logout := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	for name, tc := range map[string]struct {
		claims oauthtest.Claims
		typ    any
		status int
	}{
		"an access token without typ":                    {nil, nil, 200},
		"an access token of typ JWT":                     {nil, "JWT", 200},
		"an ID token":                                    {oauthtest.Claims{"nonce": "n", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ", "client_id": nil, "jti": nil}, nil, 401},
		"an ID token of the code flow, with nonce alone": {oauthtest.Claims{"nonce": "n", "client_id": nil, "jti": nil}, "JWT", 401},
		"an ID token of the hybrid flow":                 {oauthtest.Claims{"c_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, "JWT", 401},
		"a logout token of typ JWT":                      {oauthtest.Claims{"events": logout}, "JWT", 401},
		"a logout token that calls itself at+jwt":        {oauthtest.Claims{"events": logout}, "at+jwt", 401},
		"an ID token of Cognito":                         {oauthtest.Claims{"token_use": "id"}, nil, 401},
		"an access token of Cognito":                     {oauthtest.Claims{"token_use": "access"}, nil, 200},
		"an ID token of Keycloak":                        {oauthtest.Claims{"typ": "ID"}, "JWT", 401},
		"a refresh token of Keycloak":                    {oauthtest.Claims{"typ": "Refresh"}, "JWT", 401},
		"a token whose kind is not a string":             {oauthtest.Claims{"typ": 1}, "JWT", 401},
		"an access token of Keycloak":                    {oauthtest.Claims{"typ": "Bearer", "azp": "app"}, "JWT", 200},
		"an access token of an older Keycloak":           {oauthtest.Claims{"typ": "Bearer", "nonce": "n"}, "JWT", 200},
		"an access token of typ at+jwt with a nonce":     {oauthtest.Claims{"nonce": "n"}, "at+jwt", 200},
	} {
		t.Run(name, func(t *testing.T) {
			claims := oauthtest.Claims{"groups": []string{"billing-admins"}}
			maps.Copy(claims, tc.claims)
			resp := f.void(f.issuer.Token(claims, oauthtest.Header("typ", tc.typ)))
			if resp.Status != tc.status {
				t.Errorf("status %d, want %d: %s", resp.Status, tc.status, resp.Body)
			}
		})
	}
}

func TestATokenOfTypATJWTHasTheClaimsOfItsProfile(t *testing.T) {
	f := start(t)
	for name, tc := range map[string]struct {
		claims oauthtest.Claims
		status int
	}{
		"all of them":                {nil, 200},
		"no client_id":               {oauthtest.Claims{"client_id": nil}, 401},
		"azp in place of client_id":  {oauthtest.Claims{"client_id": nil, "azp": "app"}, 200},
		"no jti":                     {oauthtest.Claims{"jti": nil}, 401},
		"a jti that is not a string": {oauthtest.Claims{"jti": 7}, 401},
		"no iat":                     {oauthtest.Claims{"iat": nil}, 401},
		"an iat that is not a date":  {oauthtest.Claims{"iat": "now"}, 401},
		"no sub, where the client acts for itself": {oauthtest.Claims{"sub": nil}, 200},
	} {
		for _, typ := range []string{"at+jwt", "application/at+jwt"} {
			t.Run(name+", of typ "+typ, func(t *testing.T) {
				claims := oauthtest.Claims{"scope": "invoices:read"}
				maps.Copy(claims, tc.claims)
				if got := f.status(f.issuer.Token(claims, oauthtest.Header("typ", typ))); got != tc.status {
					t.Errorf("status %d, want %d", got, tc.status)
				}
			})
		}
	}
	plain := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "client_id": nil, "jti": nil, "iat": nil}, oauthtest.Header("typ", "JWT"))
	if got := f.status(plain); got != http.StatusOK {
		t.Errorf("of typ JWT, which has no such profile: status %d, want 200", got)
	}
}

func TestIntrospectionSaysWhatKindOfTokenItIs(t *testing.T) {
	f := startOpaque(t, func(c *config.RuntimeConfig) { c.Tokens.DPoP = config.DPoPOptional })
	answer := fmt.Sprintf(`{"active":true,"sub":"u","scope":"invoices:read","exp":%d,"aud":%q,`, time.Now().Add(time.Hour).Unix(), runtimetest.Resource)
	number := 0
	for name, tc := range map[string]struct {
		says   string
		status int
	}{
		"Bearer":                          {`"token_type":"Bearer"`, 200},
		"bearer in lower case":            {`"token_type":"bearer"`, 200},
		"what Keycloak says":              {`"token_type":"Bearer","typ":"Bearer"`, 200},
		"what Hydra says":                 {`"token_type":"Bearer","token_use":"access_token"`, 200},
		"DPoP, and not by which key":      {`"token_type":"DPoP"`, 401},
		"a refresh token":                 {`"token_type":"refresh_token"`, 401},
		"a refresh token of Hydra":        {`"token_type":"Bearer","token_use":"refresh_token"`, 401},
		"a refresh token of Keycloak":     {`"typ":"Refresh"`, 401},
		"an ID token":                     {`"token_type":"Bearer","typ":"ID"`, 401},
		"no access token at all":          {`"token_type":"N_A"`, 401},
		"a type that is not a string":     {`"token_type":["Bearer"]`, 401},
		"a type that is the null of JSON": {`"token_type":null`, 401},
	} {
		number++
		token := fmt.Sprintf("opaque-%d", number)
		t.Run(name, func(t *testing.T) {
			f.issuer.SetFault(oauthtest.EndpointIntrospect, oauthtest.Fault{Body: answer + tc.says + "}", Header: http.Header{"Content-Type": {"application/json"}}})
			if got := f.status(token); got != tc.status {
				t.Errorf("status %d, want %d: %s", got, tc.status, f.Logs())
			}
		})
	}
}
