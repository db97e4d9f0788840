package conformance_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
	"github.com/securedmcp/operator/test/runtimetest"
)

// resource is reached by way of ConnectTo: its host is what matters, and no port
// has to be known before the server listens.
const resource = "http://localhost/mcp"

// newIssuer serves an authorization server for the length of the test.
func newIssuer(t *testing.T) *checks.Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer, err := checks.NewIssuer("http://" + server.Listener.Addr().String())
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
// a header.
func startRuntime(t *testing.T, issuer *checks.Issuer) *runtimetest.Runtime {
	t.Helper()
	c := runtimetest.Billing(issuer.Issuer(), runtimetest.NewAPI(t, nil).URL)
	c.Resource, c.Audience = resource, resource
	c.Tools = append(c.Tools, config.Tool{
		Name: "regional", Upstream: "billing-api", HTTP: &config.HTTPTool{Method: http.MethodGet, Path: "/regional"},
		InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`),
	})
	return runtimetest.Start(t, c)
}

// What the runtime does not meet is said in the table, and nowhere else: a
// finding that it does not admit fails, and an admission that is over.
func TestRuntimeFailsNoCheckButThoseThatTheTableAdmits(t *testing.T) {
	admitted := admittedChecks(t)
	for _, revision := range []string{checks.Modern, checks.Legacy} {
		t.Run(revision, func(t *testing.T) {
			issuer := newIssuer(t)
			c := settings(issuer, startRuntime(t, issuer).Addr().String())
			c.Revision = revision
			report, err := checks.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
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
		})
	}
}
