package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// world is a real runtime, a real authorization server with a consent page, and
// a transport that reaches both.
type world struct {
	issuer    *oauthtest.Server
	transport http.RoundTripper
}

func newWorld(t *testing.T) world {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.With(func(c *oauthtest.Config) {
		c.AutoApprove = ""
		c.Subjects = []string{"alice"}
	}))
	api := runtimetest.NewAPI(t, nil)
	runtime := runtimetest.Start(t, runtimetest.Billing(issuer.Issuer(), api.URL))
	return world{issuer, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "mcp.example.com" {
			return runtime.HTTP.Transport.RoundTrip(req)
		}
		return http.DefaultTransport.RoundTrip(req)
	})}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestTheClientSignsInAndStepsUp(t *testing.T) {
	w := newWorld(t)
	c, err := client.New(runtimetest.Resource, w.transport)
	if err != nil {
		t.Fatal(err)
	}
	session, err := c.Connect(t.Context())
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	defer session.Close()

	want := []string{
		"POST /billing 401",
		"GET /.well-known/oauth-protected-resource/billing 200",
		"GET /.well-known/oauth-authorization-server 200",
		"POST /register 201",
		"GET /authorize 200",
		"POST /consent 303",
		"POST /token 200",
		"POST /billing 200",
	}
	if diff := cmp.Diff(want, summary(c.Wire.Take())); diff != "" {
		t.Errorf("what went over the wire (-want +got):\n%s", diff)
	}

	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "void_invoice", Arguments: map[string]any{"invoiceId": "INV-2041"}})
	if err != nil || result.IsError {
		t.Fatalf("voiding: %v, %v", err, result)
	}
	record := c.Wire.Take()
	refused := client.Find(record, func(e client.Exchange) bool { return e.Status == http.StatusForbidden })
	if refused == nil || refused.Tool != "void_invoice" || !strings.Contains(refused.Header.Get("WWW-Authenticate"), "invoices:write") {
		t.Errorf("want a 403 that asks for invoices:write, got %q", summary(record))
	}
}

func summary(record []client.Exchange) []string {
	var out []string
	for _, e := range record {
		out = append(out, e.String())
	}
	return out
}

func TestTheRecordHoldsNoToken(t *testing.T) {
	w := newWorld(t)
	c, err := client.New(runtimetest.Resource, w.transport)
	if err != nil {
		t.Fatal(err)
	}
	session, err := c.Connect(t.Context())
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	defer session.Close()
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	withToken := 0
	for _, e := range c.Wire.Take() {
		if strings.Contains(string(e.Body), token) {
			t.Errorf("%s: the record holds the token", e)
		}
		if e.HasToken {
			withToken++
		}
	}
	if withToken == 0 {
		t.Error("no request carried a token, so nothing was shown")
	}
}

func TestProbe(t *testing.T) {
	w := newWorld(t)
	token := w.issuer.Token(oauthtest.Claims{"aud": runtimetest.Resource, "scope": "invoices:read"})
	cases := map[string]struct {
		token, tool string
		status      int
	}{
		"without a token it is refused":        {"", "lookup_invoice", 401},
		"with too little scope it is refused":  {token, "void_invoice", 403},
		"with enough scope it gets its answer": {token, "lookup_invoice", 200},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			probe := client.Probe{Endpoint: runtimetest.Resource, Transport: w.transport, Token: tc.token}
			answer, err := probe.CallTool(t.Context(), tc.tool, map[string]any{"invoiceId": "INV-2041"})
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != tc.status {
				t.Fatalf("status %d, want %d: %s", answer.Status, tc.status, answer.Body)
			}
			if hasChallenge := strings.HasPrefix(answer.Challenge, "Bearer "); hasChallenge != (tc.status != 200) {
				t.Errorf("challenge %q for status %d", answer.Challenge, answer.Status)
			}
			var result mcp.CallToolResult
			err = answer.Result(&result)
			if gotResult := err == nil && len(result.Content) > 0; gotResult != (tc.status == 200) {
				t.Errorf("result %v, error %v", result.Content, err)
			}
			if err != nil && !errors.Is(err, client.ErrNoResult) {
				t.Errorf("want ErrNoResult, got %v", err)
			}
		})
	}
}

func TestProbeListsTools(t *testing.T) {
	w := newWorld(t)
	token := w.issuer.Token(oauthtest.Claims{"aud": runtimetest.Resource, "scope": "invoices:read"})
	answer, err := (&client.Probe{Endpoint: runtimetest.Resource, Transport: w.transport, Token: token}).ListTools(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var result mcp.ListToolsResult
	if err := answer.Result(&result); err != nil || len(result.Tools) != 2 {
		t.Errorf("got %d tools, %v; want 2", len(result.Tools), err)
	}
}

func TestTheTransportKnowsOneDomain(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) }))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	cases := map[string]struct {
		transport *http.Transport
		host      string
		works     bool
	}{
		// The certificate of httptest is for example.com and its subdomains.
		"a host of the domain is reached at the address": {client.NewTransport("example.com", at.Hostname(), roots), "mcp.example.com", true},
		"another host is not reached":                    {client.NewTransport("example.com", at.Hostname(), roots), "example.org", false},
		"a host that only ends like it is not reached":   {client.NewTransport("example.com", at.Hostname(), roots), "badexample.com", false},
		"a certificate for another name is not accepted": {client.NewTransport("example.org", at.Hostname(), roots), "mcp.example.org", false},
		"a certificate from elsewhere is not accepted":   {client.NewTransport("example.com", at.Hostname(), nil), "mcp.example.com", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tc.host+":"+at.Port(), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tc.transport.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			if (err == nil) != tc.works {
				t.Errorf("error %v, want success %t", err, tc.works)
			}
		})
	}
}
