//go:build clients

package clients_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// callback is where the Go client would listen, were there need to: the browser
// that it asks is the test.
const callback = "http://127.0.0.1:7777/callback"

// fetchCode visits the authorization server and reads the redirect that leads
// back.
func fetchCode(t *testing.T) auth.AuthorizationCodeFetcher {
	person := browser(t)
	person.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if req.URL.Host == "127.0.0.1:7777" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, http.NoBody)
		if err != nil {
			return nil, err
		}
		resp, err := person.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		location, err := resp.Location()
		if err != nil {
			return nil, errors.New(resp.Status + ": no redirect to the client")
		}
		q := location.Query()
		return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
	}
}

func TestGoSDK(t *testing.T) { newWorld(t, 1, config.Tokens{}).runGo(t) }

// The runtime asks the authorization server what its tokens mean (RFC 7662).
func TestGoSDKWithOpaqueTokens(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(introspectorSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, 1, config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: introspector, ClientSecretFile: secret}})
	w.runGo(t)
	asked := 0
	for _, e := range w.wire.all() {
		if e.Path == "/token/introspection" {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("the authorization server was asked %d times about two tokens\n%s", asked, w.wire)
	}
}

func (w *world) runGo(t *testing.T) {
	t.Helper()
	oauth, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "clients test", RedirectURIs: []string{callback}, TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code"},
		}},
		RedirectURL: callback, AuthorizationCodeFetcher: fetchCode(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := mcp.NewClient(&mcp.Implementation{Name: "clients-go", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: w.endpoint, OAuthHandler: oauth}, nil)
	if err != nil {
		t.Fatalf("connecting: %v\n%s", err, w.wire)
	}
	defer session.Close()
	list, err := session.ListTools(ctx, nil)
	if err != nil || len(list.Tools) != 2 {
		t.Fatalf("tools %+v, %v", list, err)
	}
	for _, tool := range []string{"lookup_invoice", "void_invoice"} {
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"invoiceId": "INV-2041"}})
		if err != nil || result.IsError {
			t.Fatalf("%s: %+v, %v\n%s", tool, result, err, w.wire)
		}
	}
	w.wantOnWire(t, w.story())
	w.wantInAudit(t, 2, auditOfTheStory()) // it registers for each authorization
	w.wantAtAPI(t)
	w.wantRevision(t, "2026-07-28")
}
