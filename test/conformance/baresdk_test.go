package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
	"github.com/securedmcp/operator/test/golden"
)

const bareMetadata = "http://localhost/.well-known/oauth-protected-resource/mcp"

// newBareSDK is a server as the SDK's documentation leads to it: its middleware
// for bearer tokens, its metadata handler, a JWT library with issuer, audience
// and expiry checked, and tools with typed arguments.
func newBareSDK(t *testing.T, issuer *checks.Issuer, options *mcp.StreamableHTTPOptions) http.Handler {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "bare", Version: "1"}, nil)
	type invoice struct {
		InvoiceID string `json:"invoiceId"`
	}
	for _, name := range []string{"lookup_invoice", "void_invoice"} {
		mcp.AddTool(server, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, invoice) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
		})
	}
	door := auth.RequireBearerToken(newVerifier(t, issuer), &auth.RequireBearerTokenOptions{
		ResourceMetadataURL: bareMetadata, Scopes: []string{"invoices:read"},
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", door(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, options)))
	mux.Handle("/.well-known/oauth-protected-resource/mcp", auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: resource, AuthorizationServers: []string{issuer.Issuer()},
		ScopesSupported: []string{"invoices:read", "invoices:write"},
	}))
	return mux
}

func newVerifier(t *testing.T, issuer *checks.Issuer) auth.TokenVerifier {
	t.Helper()
	keys := jwk.NewCache(t.Context())
	at := issuer.Issuer() + "/jwks"
	if err := keys.Register(at); err != nil {
		t.Fatal(err)
	}
	set := jwk.NewCachedSet(keys, at)
	return func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		parsed, err := jwt.ParseString(token, jwt.WithKeySet(set), jwt.WithIssuer(issuer.Issuer()), jwt.WithAudience(resource))
		if err != nil {
			return nil, errors.Join(auth.ErrInvalidToken, err)
		}
		scope, _ := parsed.Get("scope")
		return &auth.TokenInfo{Scopes: scopesOf(scope), Expiration: parsed.Expiration(), UserID: parsed.Subject()}, nil
	}
}

func scopesOf(claim any) []string {
	var scopes []string
	for s := range bytes.FieldsSeq(fmt.Append(nil, claim)) {
		scopes = append(scopes, string(s))
	}
	return scopes
}

// The bare SDK is here for contrast: what it leaves to the server's author, as a
// list that changes when the SDK does.
func TestBareSDKFindings(t *testing.T) {
	issuer := newIssuer(t)
	server := httptest.NewServer(newBareSDK(t, issuer, &mcp.StreamableHTTPOptions{Stateless: true}))
	defer server.Close()
	report, err := checks.Run(t.Context(), settings(issuer, server.Listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	var failed bytes.Buffer
	for _, level := range []checks.Level{checks.Must, checks.Should} {
		for _, r := range report.Failed(level) {
			fmt.Fprintf(&failed, "%s %s: sent %s; got %s; want %s\n", r.Level, r.Check, r.Sent, r.Got, r.Want)
		}
	}
	golden.Compare(t, "testdata/bare-sdk.golden", failed.Bytes())
}

// rsauth also knows servers with sessions, which the runtime has none of.
func TestSessionsOfTheBareSDK(t *testing.T) {
	issuer := newIssuer(t)
	server := httptest.NewServer(newBareSDK(t, issuer, nil))
	defer server.Close()
	c := settings(issuer, server.Listener.Addr().String())
	c.Revision = checks.Legacy
	report, err := checks.Run(t.Context(), c, "T1.get", "T12.session-of-another-user", "A8.tool", "T10")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]checks.Status{
		"T1.get": checks.Skip, "T12.session-of-another-user": checks.Pass, "A8.tool": checks.Fail,
		"T10.same-on-every-connection": checks.Pass, "T10.order": checks.Pass,
	}
	for _, r := range report.Results {
		if r.Status != want[r.Check] {
			t.Errorf("%s: %s, want %s; got %s", r.Check, r.Status, want[r.Check], r.Got)
		}
	}
}
