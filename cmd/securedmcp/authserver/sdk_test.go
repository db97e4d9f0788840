package authserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/securedmcp/operator/test/oauthtest"
)

// resourceServer serves protected resource metadata that names s, and nothing
// else.
func resourceServer(t *testing.T, s *oauthtest.Server) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.Handle("/.well-known/oauth-protected-resource/mcp", auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: server.URL + "/mcp", AuthorizationServers: []string{s.Issuer()}, ScopesSupported: []string{"invoices:read"},
	}))
	return server
}

// browser follows the authorization URL as a person's browser would, up to the
// redirect back to the client.
func browser(t *testing.T, s *oauthtest.Server) auth.AuthorizationCodeFetcher {
	return func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
		if err != nil {
			return nil, err
		}
		_, query := redirected(t, s, request)
		return &auth.AuthorizationResult{Code: query.Get("code"), State: query.Get("state"), Iss: query.Get("iss")}, nil
	}
}

func TestTheSDKClientGoesFromChallengeToToken(t *testing.T) {
	cases := map[string]struct {
		path   string
		config auth.AuthorizationCodeHandlerConfig
	}{
		"with a preregistered public client": {"", auth.AuthorizationCodeHandlerConfig{
			PreregisteredClient: &oauthex.ClientCredentials{ClientID: public.ID},
		}},
		"with a preregistered confidential client": {"", auth.AuthorizationCodeHandlerConfig{
			PreregisteredClient: &oauthex.ClientCredentials{ClientID: machine.ID, ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: machine.Secret}},
		}},
		"by registering itself": {"", auth.AuthorizationCodeHandlerConfig{
			DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
				ClientName: "SDK", RedirectURIs: []string{callback}, TokenEndpointAuthMethod: "none",
			}},
		}},
		"at an issuer with a path": {"/realms/acme", auth.AuthorizationCodeHandlerConfig{
			PreregisteredClient: &oauthex.ClientCredentials{ClientID: public.ID},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := oauthtest.New(t, oauthtest.WithIssuerPath(tc.path), oauthtest.WithClient(public), oauthtest.WithClient(machine))
			rs := resourceServer(t, s)
			tc.config.RedirectURL, tc.config.AuthorizationCodeFetcher = callback, browser(t, s)
			claims := part(t, obtainThroughSDK(t, &tc.config, rs.URL+"/mcp"), 1)
			got := []any{claims["iss"], claims["aud"], claims["scope"], claims["sub"]}
			want := []any{s.Issuer(), rs.URL + "/mcp", "invoices:read", oauthtest.DefaultSubject}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("iss, aud, scope, sub (-want +got):\n%s", diff)
			}
		})
	}
}

// obtainThroughSDK hands the SDK the 401 of a resource server and returns the
// access token that it comes back with.
func obtainThroughSDK(t *testing.T, config *auth.AuthorizationCodeHandlerConfig, resource string) string {
	t.Helper()
	handler, err := auth.NewAuthorizationCodeHandler(config)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(resource)
	if err != nil {
		t.Fatal(err)
	}
	metadata := u.Scheme + "://" + u.Host + "/.well-known/oauth-protected-resource" + u.Path
	recorder := httptest.NewRecorder()
	recorder.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+metadata+`", scope="invoices:read"`)
	recorder.WriteHeader(http.StatusUnauthorized)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, resource, nil)
	if err := handler.Authorize(t.Context(), request, recorder.Result()); err != nil {
		t.Fatalf("authorizing: %v", err)
	}
	source, err := handler.TokenSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := source.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token.AccessToken
}
