package contract

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// issuerSample is a manifest of config/samples/issuers with tokens as its issuer
// writes them. Each of them is signed by a key of that issuer, and not expired.
type issuerSample struct {
	// header is typ, "" where the issuer writes none.
	header string
	// claims are in every token.
	claims oauthtest.Claims
	// read may look invoices up, write may void them too.
	read, write []oauthtest.Claims
	// refused are other tokens of the same issuer, and poor those that are for the
	// server and grant nothing.
	refused, poor map[string]oauthtest.Claims
	// challenge is what who may only read has to ask for.
	challenge string
}

const invoices = "https://mcp.example.com/billing"

var issuerSamples = map[string]issuerSample{
	"keycloak": {
		header: "JWT",
		claims: oauthtest.Claims{
			"typ": "Bearer", "azp": "assistant", "client_id": nil, "aud": []string{invoices, "account"}, "acr": "1",
			"sid": "a9b8", "realm_access": map[string]any{"roles": []string{"offline_access"}}, "preferred_username": "ada",
		},
		read:  []oauthtest.Claims{{"scope": "openid profile invoices:read"}},
		write: []oauthtest.Claims{{"scope": "openid invoices:write"}},
		refused: map[string]oauthtest.Claims{
			"without a mapper for the audience": {"aud": "account", "scope": "openid invoices:read"},
			"without any audience":              {"aud": nil, "scope": "openid invoices:read"},
			"an ID token":                       {"typ": "ID", "aud": invoices, "scope": "openid invoices:read"},
			"a refresh token":                   {"typ": "Refresh", "aud": invoices, "scope": "openid invoices:read"},
		},
		challenge: "invoices:read invoices:write",
	},
	"auth0": {
		header: "JWT",
		claims: oauthtest.Claims{
			"sub": "auth0|5f7c8ec7c33c6c004bbafe82", "azp": "my_client_id", "client_id": nil, "gty": nil,
			"aud": []string{invoices, "https://company.eu.auth0.com/userinfo"}, "permissions": []string{"invoices:read"},
		},
		read:  []oauthtest.Claims{{"scope": "openid profile invoices:read"}, {"scope": "invoices:read", "aud": invoices}},
		write: []oauthtest.Claims{{"scope": "invoices:write"}},
		refused: map[string]oauthtest.Claims{
			"for userinfo alone":                     {"aud": "https://company.eu.auth0.com/userinfo", "scope": "invoices:read"},
			"for an API whose name ends in a slash":  {"aud": invoices + "/", "scope": "invoices:read"},
			"an ID token, whose audience is its app": {"aud": "my_client_id", "nonce": "n", "scope": nil},
		},
		challenge: "invoices:read invoices:write",
	},
	"okta": {
		claims: oauthtest.Claims{
			"ver": 1, "sub": "ada@example.com", "uid": "00u1", "cid": "0oa1", "client_id": nil, "aud": invoices, "auth_time": 1700000000,
		},
		read:  []oauthtest.Claims{{"scp": []string{"openid", "invoices:read"}}},
		write: []oauthtest.Claims{{"scp": []string{"invoices:write"}}},
		refused: map[string]oauthtest.Claims{
			"of a server with another audience": {"aud": "api://default", "scp": []string{"invoices:read"}},
			"of the org authorization server":   {"aud": "https://company.okta.com", "scp": []string{"invoices:read"}},
		},
		challenge: "invoices:read invoices:write",
	},
	"entra-id": {
		header: "JWT",
		claims: oauthtest.Claims{
			"ver": "2.0", "aud": "00001111-aaaa-2222-bbbb-3333cccc4444", "azp": "11112222-bbbb-3333-cccc-4444dddd5555", "client_id": nil, "azpacr": "0",
			"oid": "22223333-cccc-4444-dddd-5555eeee6666", "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee", "uti": "u", "rh": "r",
		},
		read: []oauthtest.Claims{
			{"scp": "invoices.read"},
			{"scp": "openid profile invoices.read"},
			{"idtyp": "app", "roles": []string{"Invoices.Read"}},
		},
		write: []oauthtest.Claims{{"scp": "invoices.write"}},
		refused: map[string]oauthtest.Claims{
			"for Microsoft Graph":                 {"aud": "00000003-0000-0000-c000-000000000000", "scp": "invoices.read"},
			"of version 1, for the URI":           {"aud": invoices, "ver": "1.0", "appid": "a", "scp": "invoices.read"},
			"of another tenant":                   {"iss": "https://login.microsoftonline.com/bbbbcccc-1111-dddd-2222-eeee3333ffff/v2.0", "scp": "invoices.read"},
			"for no tenant in particular":         {"iss": "https://login.microsoftonline.com/common/v2.0", "scp": "invoices.read"},
			"an ID token of the app of this name": {"aud": "11112222-bbbb-3333-cccc-4444dddd5555", "nonce": "n"},
			"an ID token of this registration":    {"nonce": "n", "roles": []string{"Invoices.Read"}},
		},
		poor: map[string]oauthtest.Claims{
			"of a person with the role, by a client without the scope": {"scp": "user_impersonation", "roles": []string{"Invoices.Read"}},
			"that is an ID token, which need not have a nonce":         {"name": "Ada", "roles": []string{"Invoices.Read"}},
			"of an application without the role":                       {"idtyp": "app"},
		},
		challenge: invoices + "/invoices.read " + invoices + "/invoices.write",
	},
}

// The manifests for the issuers that people have take the tokens which these
// write, and no others of theirs.
func TestSamplesTakeTheTokensOfTheirIssuers(t *testing.T) {
	files, err := os.ReadDir("../../config/samples/issuers")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(issuerSamples) {
		t.Errorf("%d samples, %d are tested", len(files), len(issuerSamples))
	}
	for name, sample := range issuerSamples {
		t.Run(name, func(t *testing.T) { sample.check(t, name) })
	}
}

func (i issuerSample) check(t *testing.T, name string) {
	t.Helper()
	s := startSample(t, name)
	for _, claims := range i.read {
		token := i.token(s, claims)
		if got := s.lookup(token); got.Status != http.StatusOK || s.void(token).Status != http.StatusForbidden {
			t.Errorf("%v: looking up %d, voiding %d; want 200 and 403", claims, got.Status, s.void(token).Status)
		}
		if got, want := s.void(token).Header.Get("WWW-Authenticate"), fmt.Sprintf(`scope="%s"`, i.challenge); !strings.Contains(got, want) {
			t.Errorf("%v: challenge %s, want %s", claims, got, want)
		}
	}
	for _, claims := range i.write {
		if got := s.void(i.token(s, claims)); got.Status != http.StatusOK {
			t.Errorf("%v: voiding %d %s, want 200", claims, got.Status, got.Body)
		}
	}
	for what, claims := range i.refused {
		if got := s.lookup(i.token(s, claims)); got.Status != http.StatusUnauthorized {
			t.Errorf("a token %s: %d, want 401", what, got.Status)
		}
	}
	for what, claims := range i.poor {
		if got := s.lookup(i.token(s, claims)); got.Status != http.StatusForbidden {
			t.Errorf("a token %s: %d, want 403", what, got.Status)
		}
	}
}

// startSample runs the manifest with an issuer and an API that there are.
func startSample(t *testing.T, name string) server {
	t.Helper()
	raw, err := os.ReadFile("../../config/samples/issuers/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object v1alpha1.SecuredMCPServer
	if err := yaml.UnmarshalStrict(raw, &object); err != nil {
		t.Fatal(err)
	}
	issuer, api := oauthtest.New(t, oauthtest.WithAlgorithm(jwa.RS256)), runtimetest.NewAPI(t, nil)
	object.Spec.Issuer, object.Spec.Upstreams[0].HTTP.URL = issuer.Issuer(), api.URL
	return server{Runtime: cluster{issuer: issuer}.run(t, &object), issuer: issuer, api: api}
}

func (i issuerSample) token(s server, claims oauthtest.Claims) string {
	all := oauthtest.Claims{}
	maps.Copy(all, i.claims)
	maps.Copy(all, claims)
	var typ any
	if i.header != "" {
		typ = i.header
	}
	return s.issuer.Token(all, oauthtest.Header("typ", typ))
}

func (s server) void(token string) *runtimetest.Response {
	return s.Do(runtimetest.Call(token, "void_invoice", map[string]any{"invoiceId": "INV-1", "reason": "twice"}))
}
