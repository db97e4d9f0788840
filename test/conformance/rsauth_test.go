package conformance_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/redistest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// resource is reached by way of ConnectTo: its host is what matters, and no port
// has to be known before the server listens.
const resource = "http://localhost/mcp"

// introspector is how servers for opaque tokens authenticate at the issuer.
var introspector = oauthtest.Client{ID: "mcp-server", Secret: "s3cret"}

// newIssuer serves an authorization server for the length of the test.
func newIssuer(t *testing.T) *checks.Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer, err := checks.NewIssuer("http://"+server.Listener.Addr().String(), introspector)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer
}

// settings are those of the server under test in all tests here.
func settings(issuer *checks.Issuer, connectTo string) checks.Config {
	return checks.Config{
		URL: resource, Issuer: issuer, ConnectTo: connectTo, BroaderScope: "invoices:write",
		Tool: "void_invoice", ToolScope: "invoices:write", ToolArguments: json.RawMessage(`{"invoiceId":"INV-1"}`),
	}
}

// startRuntime starts the billing server with a tool that repeats an argument in
// a header, changed by change.
func startRuntime(t *testing.T, issuer *checks.Issuer, change func(*config.RuntimeConfig)) *runtimetest.Runtime {
	t.Helper()
	c := runtimetest.Billing(issuer.Issuer(), runtimetest.NewAPI(t, nil).URL)
	c.Resource, c.Audience = resource, resource
	change(c)
	c.Tools = append(c.Tools, config.Tool{
		Name: "regional", Upstream: "billing-api", HTTP: &config.HTTPTool{Method: http.MethodGet, Path: "/regional"},
		InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"note":{"type":["string","null"]}}}`),
	})
	return runtimetest.Start(t, c)
}

// What the runtime does not meet is said in the table, and nowhere else: a
// finding that it does not admit fails, and an admission that is over.
func TestRuntimeFailsNoCheckButThoseThatTheTableAdmits(t *testing.T) {
	opaque := config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: introspector.ID, ClientSecretFile: secretFile(t)}}
	nonces := func(c *config.RuntimeConfig) {
		c.Tokens = config.Tokens{DPoP: config.DPoPRequired, DPoPNonce: config.DPoPNonceRequired}
		c.RateLimit = &config.RateLimit{Requests: 1 << 16, Redis: &config.Redis{Address: redistest.Start(t).Addr}}
	}
	dpop := func(mode string) func(*config.RuntimeConfig) {
		return func(c *config.RuntimeConfig) { c.Tokens.DPoP = mode }
	}
	for name, mode := range map[string]struct {
		server func(*config.RuntimeConfig)
		checks func(*checks.Config)
	}{
		checks.Modern:      {dpop(""), func(*checks.Config) {}},
		checks.Legacy:      {dpop(""), func(c *checks.Config) { c.Revision = checks.Legacy }},
		"opaque tokens":    {func(c *config.RuntimeConfig) { c.Tokens = opaque }, func(c *checks.Config) { c.Tokens = checks.TokensOpaque }},
		"DPoP optional":    {dpop(config.DPoPOptional), func(c *checks.Config) { c.DPoP = checks.DPoPOptional }},
		"DPoP required":    {dpop(config.DPoPRequired), func(c *checks.Config) { c.DPoP = checks.DPoPRequired }},
		"DPoP with nonces": {nonces, func(c *checks.Config) { c.DPoP = checks.DPoPRequired }},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t)
			c := settings(issuer, startRuntime(t, issuer, mode.server).Addr().String())
			mode.checks(&c)
			report, err := checks.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			wantAsAdmitted(t, report)
		})
	}
}

// secretFile holds the secret of introspector.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(introspector.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func wantAsAdmitted(t *testing.T, report *checks.Report) {
	t.Helper()
	admitted := admittedChecks(t)
	for _, r := range report.Results {
		switch {
		case r.Status == checks.Fail && !admitted[r.Check]:
			t.Errorf("%s (%s, %s): sent %s, got %s, want %s", r.Check, r.Level, r.Reference, r.Sent, r.Got, r.Want)
		case r.Status == checks.Pass && admitted[r.Check]:
			t.Errorf("%s passes; take it out of %s", r.Check, document)
		case r.Status == checks.Skip:
			t.Logf("%s skipped: %s", r.Check, r.Got)
		}
	}
}
