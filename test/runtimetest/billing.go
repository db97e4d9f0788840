package runtimetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// Resource is the resource of Billing.
const Resource = "https://mcp.example.com/billing"

// Billing is the configuration of a server with two tools in front of api,
// which trusts issuer.
func Billing(issuer, api string) *config.RuntimeConfig {
	yes := true
	return &config.RuntimeConfig{
		Name: "billing/billing-tools", Title: "Billing Tools",
		Resource: Resource, Issuer: issuer, Audience: Resource,
		Scopes: []config.Scope{
			{Name: "invoices:read", Description: "Look invoices up"},
			{Name: "invoices:write", Description: "Change invoices", Implies: []string{"invoices:read"}},
		},
		RequiredScopes: []string{"invoices:read"},
		Upstreams:      []config.Upstream{{Name: "billing-api", HTTP: &config.HTTPUpstream{URL: api}, TimeoutSeconds: 5}},
		Tools: []config.Tool{
			{
				Name: "lookup_invoice", Title: "Look up an invoice",
				Description: "Return the status and total for a single invoice by id.",
				Annotations: &config.ToolAnnotations{ReadOnlyHint: &yes},
				Scopes:      []string{"invoices:read"},
				InputSchema: json.RawMessage(`{"type":"object","properties":{"invoiceId":{"type":"string"}},"required":["invoiceId"]}`),
				Upstream:    "billing-api", HTTP: &config.HTTPTool{Method: "GET", Path: "/invoices/{invoiceId}"},
			},
			{
				Name: "void_invoice", Annotations: &config.ToolAnnotations{DestructiveHint: &yes},
				Scopes:      []string{"invoices:write"},
				InputSchema: json.RawMessage(`{"type":"object","properties":{"invoiceId":{"type":"string"},"reason":{"type":"string"}},"required":["invoiceId"]}`),
				Upstream:    "billing-api", HTTP: &config.HTTPTool{Method: "POST", Path: "/invoices/{invoiceId}/void"},
			},
		},
	}
}

// API is an HTTP API that records what it is asked.
type API struct {
	*httptest.Server

	mu       sync.Mutex
	requests []Recorded
}

// Recorded is a request that an API received.
type Recorded struct {
	Method string
	// URI is as it was on the wire.
	URI    string
	Header http.Header
	Body   string
}

// NewAPI starts an API that answers with answer; nil echoes the request as
// JSON.
func NewAPI(t testing.TB, answer http.HandlerFunc) *API {
	t.Helper()
	a := new(API)
	if answer == nil {
		answer = a.echo
	}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body strings.Builder
		_, _ = copyBody(&body, req)
		a.mu.Lock()
		a.requests = append(a.requests, Recorded{Method: req.Method, URI: req.RequestURI, Header: req.Header.Clone(), Body: body.String()})
		a.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(a.Close)
	return a
}

// Requests returns what the API was asked so far.
func (a *API) Requests() []Recorded {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Recorded(nil), a.requests...)
}

// Last returns the last request.
func (a *API) Last(t testing.TB) Recorded {
	t.Helper()
	all := a.Requests()
	if len(all) == 0 {
		t.Fatal("the API was not asked")
	}
	return all[len(all)-1]
}

func (a *API) echo(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	all := a.Requests()
	_ = json.NewEncoder(w).Encode(map[string]string{"method": req.Method, "uri": req.RequestURI, "body": all[len(all)-1].Body})
}

func copyBody(dst *strings.Builder, req *http.Request) (int64, error) {
	return io.Copy(dst, io.LimitReader(req.Body, 8<<20))
}
