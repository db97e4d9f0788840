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

// browser is the origin of a client that is a web page.
const browser = "https://app.example.com"

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
		Tool: "void_invoice", ToolScope: "invoices:write", ToolArguments: json.RawMessage(`{"invoiceId":"INV-1"}`), Origin: browser,
	}
}

// startRuntime starts the billing server, changed by change, with a tool that
// repeats an argument in a header, and one that wants a login.
func startRuntime(t *testing.T, issuer *checks.Issuer, change func(*config.RuntimeConfig)) *runtimetest.Runtime {
	t.Helper()
	c := runtimetest.Billing(issuer.Issuer(), runtimetest.NewAPI(t, nil).URL)
	c.Resource, c.Audience, c.AllowedOrigins = resource, resource, []string{browser}
	change(c)
	c.Tools = append(c.Tools, config.Tool{
		Name: "regional", Upstream: "billing-api", HTTP: &config.HTTPTool{Method: http.MethodGet, Path: "/regional"},
		InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"note":{"type":["string","null"]}}}`),
	}, config.Tool{
		Name: "vault", Upstream: "billing-api", HTTP: &config.HTTPTool{Method: http.MethodGet, Path: "/vault"}, InputSchema: json.RawMessage(`{"type":"object"}`),
		Authentication: &config.Authentication{ACRValues: []string{"mfa", "hardware"}, MaxAgeSeconds: 300},
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
	limited := func(c *config.RuntimeConfig) { c.RateLimit = &config.RateLimit{Requests: 50, PeriodSeconds: 3600} }
	dpop := func(mode string) func(*config.RuntimeConfig) {
		return func(c *config.RuntimeConfig) { c.Tokens.DPoP = mode }
	}
	modes := map[string]struct {
		server func(*config.RuntimeConfig)
		checks func(*checks.Config)
		only   []string
	}{
		checks.Modern:      {server: dpop(""), checks: func(*checks.Config) {}},
		checks.Legacy:      {server: dpop(""), checks: func(c *checks.Config) { c.Revision = checks.Legacy }},
		"opaque tokens":    {server: func(c *config.RuntimeConfig) { c.Tokens = opaque }, checks: func(c *checks.Config) { c.Tokens = checks.TokensOpaque }},
		"DPoP optional":    {server: dpop(config.DPoPOptional), checks: func(c *checks.Config) { c.DPoP = checks.DPoPOptional }},
		"DPoP required":    {server: dpop(config.DPoPRequired), checks: func(c *checks.Config) { c.DPoP = checks.DPoPRequired }},
		"DPoP with nonces": {server: nonces, checks: func(c *checks.Config) { c.DPoP = checks.DPoPRequired }},
		"a rate limit":     {server: limited, checks: func(c *checks.Config) { c.RateLimit = 50 }, only: []string{"X2"}},
	}
	passed, ran := map[string]bool{}, 0
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t)
			c := settings(issuer, startRuntime(t, issuer, mode.server).Addr().String())
			c.LoginTool = "vault"
			mode.checks(&c)
			report, err := checks.Run(t.Context(), c, mode.only...)
			if err != nil {
				t.Fatal(err)
			}
			wantAsAdmitted(t, report)
			ran++
			for _, r := range report.Results {
				passed[r.Check] = passed[r.Check] || r.Status == checks.Pass
			}
		})
	}
	if ran == len(modes) { // not with -run
		wantEachShown(t, passed)
	}
}

// wantEachShown wants each check to have passed in some mode: one that is skipped
// in all of them shows nothing of the runtime.
func wantEachShown(t *testing.T, passed map[string]bool) {
	t.Helper()
	admitted := admittedChecks(t)
	for _, c := range checks.All() {
		if !passed[c.ID] && !admitted[c.ID] && shownElsewhere[c.ID] == "" {
			t.Errorf("%s passes in no mode", c.ID)
		}
		if passed[c.ID] && shownElsewhere[c.ID] != "" {
			t.Errorf("%s passes here too", c.ID)
		}
	}
}

// shownElsewhere are the checks that have nothing to look at here, and what shows
// that they look at all.
var shownElsewhere = map[string]string{
	"T12.session-of-another-user": "the runtime has no sessions; TestSessionsOfTheBareSDK",
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
