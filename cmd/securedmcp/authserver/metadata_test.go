package authserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/securedmcp/operator/test/oauthtest"
)

// get fetches url and returns the status and the body.
func get(t *testing.T, s *oauthtest.Server, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("GET %s: reading: %v", url, err)
	}
	return response.StatusCode, string(body)
}

func metadataOf(t *testing.T, s *oauthtest.Server, path string) *oauthex.AuthServerMeta {
	t.Helper()
	status, body := get(t, s, s.URL+path)
	if status != http.StatusOK {
		t.Fatalf("GET %s: status %d", path, status)
	}
	var m oauthex.AuthServerMeta
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return &m
}

func TestMetadataIsWhereClientsLookForIt(t *testing.T) {
	cases := map[string]struct {
		path   string
		counts map[string]oauthtest.Endpoint
	}{
		"an issuer without path": {"", map[string]oauthtest.Endpoint{
			"/.well-known/oauth-authorization-server": oauthtest.EndpointOAuthMetadata,
			"/.well-known/openid-configuration":       oauthtest.EndpointOpenIDMetadata,
		}},
		"an issuer with nothing but a slash": {"/", map[string]oauthtest.Endpoint{
			"/.well-known/oauth-authorization-server": oauthtest.EndpointOAuthMetadata,
			"/.well-known/openid-configuration":       oauthtest.EndpointOpenIDMetadata,
		}},
		"an issuer with a path": {"/realms/acme", map[string]oauthtest.Endpoint{
			"/.well-known/oauth-authorization-server/realms/acme": oauthtest.EndpointOAuthMetadata,
			"/realms/acme/.well-known/oauth-authorization-server": oauthtest.EndpointOAuthMetadataAppended,
			"/.well-known/openid-configuration/realms/acme":       oauthtest.EndpointOpenIDMetadata,
			"/realms/acme/.well-known/openid-configuration":       oauthtest.EndpointOpenIDMetadataAppended,
		}},
		"an issuer with a path and a slash": {"/acme/", map[string]oauthtest.Endpoint{
			"/.well-known/oauth-authorization-server/acme": oauthtest.EndpointOAuthMetadata,
			"/acme/.well-known/openid-configuration":       oauthtest.EndpointOpenIDMetadataAppended,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := oauthtest.New(t, oauthtest.WithIssuerPath(tc.path))
			base := s.URL + strings.TrimSuffix(tc.path, "/")
			for path, endpoint := range tc.counts {
				m := metadataOf(t, s, path)
				if m.Issuer != s.URL+tc.path || m.TokenEndpoint != base+"/token" || m.JWKSURI != base+"/jwks" {
					t.Errorf("%s: issuer %q, token endpoint %q, jwks_uri %q", path, m.Issuer, m.TokenEndpoint, m.JWKSURI)
				}
				if got := s.Count(endpoint); got != 1 {
					t.Errorf("%s: %d requests counted for %s; want 1", path, got, endpoint)
				}
			}
			if status, _ := get(t, s, base+"/jwks"); status != http.StatusOK {
				t.Errorf("key set: status %d", status)
			}
		})
	}
}

func TestMetadataSaysWhatAClientDependsOn(t *testing.T) {
	s := oauthtest.New(t, oauthtest.With(func(c *oauthtest.Config) { c.Scopes = []string{"a", "b"} }))
	m, err := auth.GetAuthServerMetadata(t.Context(), s.Issuer(), s.Client())
	if err != nil {
		t.Fatalf("go-sdk refuses the metadata: %v", err)
	}
	if !m.AuthorizationResponseIssParameterSupported {
		t.Error("iss in the authorization response is not advertised")
	}
	if diff := cmp.Diff([]string{"S256"}, m.CodeChallengeMethodsSupported); diff != "" {
		t.Errorf("PKCE methods (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, m.ScopesSupported); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if m.ClientIDMetadataDocumentSupported {
		t.Error("Client ID Metadata Documents are advertised and not supported")
	}
}

func TestMetadataMembersChangeAndVanish(t *testing.T) {
	s := oauthtest.New(t)
	s.SetMetadata(map[string]any{"issuer": "https://other.example", "jwks_uri": nil})
	m := metadataOf(t, s, "/.well-known/oauth-authorization-server")
	if m.Issuer != "https://other.example" || m.JWKSURI != "" {
		t.Errorf("issuer %q, jwks_uri %q", m.Issuer, m.JWKSURI)
	}
	s.ResetMetadata()
	if m := metadataOf(t, s, "/.well-known/oauth-authorization-server"); m.Issuer != s.Issuer() {
		t.Errorf("issuer %q after the reset", m.Issuer)
	}
}

func TestIssuersThatAreNotURLsAreRefused(t *testing.T) {
	for _, issuer := range []string{"", "auth.example.com", "ftp://auth.example.com", "https://", "https://a.example/?q", "https://a.example/#f", "http://[::1"} {
		if _, err := oauthtest.NewHandler(oauthtest.Config{Issuer: issuer}); err == nil {
			t.Errorf("NewHandler accepts the issuer %q", issuer)
		}
	}
}

func TestScriptsOfAnyOriginMayDiscoverAndNotAuthorize(t *testing.T) {
	s := oauthtest.New(t)
	for path, want := range map[string]string{"/jwks": "*", "/token": "*", "/register": "*", "/authorize": "", "/introspect": ""} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: Access-Control-Allow-Origin %q; want %q", path, got, want)
		}
	}
}
