package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// bearer adds a token to requests, as a client that has one does.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(req)
}

func (f fixture) session(t *testing.T, token, version string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	transport := &mcp.StreamableClientTransport{
		Endpoint:   runtimetest.Resource,
		HTTPClient: &http.Client{Transport: bearer{token: token, next: f.HTTP.Transport}},
		MaxRetries: -1,
	}
	session, err := client.Connect(t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatalf("connecting: %v\n%s", err, f.Logs())
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func TestSDKClientOfEachRevision(t *testing.T) {
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25", runtimetest.Modern} {
		t.Run(version, func(t *testing.T) {
			f := start(t)
			session := f.session(t, f.token("invoices:write"), version)
			if got := session.InitializeResult().ProtocolVersion; got != version {
				t.Fatalf("negotiated %s, want %s", got, version)
			}
			list, err := session.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, tool := range list.Tools {
				names = append(names, tool.Name)
			}
			if diff := cmp.Diff([]string{"lookup_invoice", "void_invoice"}, names); diff != "" {
				t.Errorf("tools (-want +got):\n%s", diff)
			}
			result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "lookup_invoice", Arguments: map[string]any{"invoiceId": "INV-2041"}})
			if err != nil || result.IsError {
				t.Fatalf("result %+v, error %v", result, err)
			}
			if got := f.api.Last(t).URI; got != "/invoices/INV-2041" {
				t.Errorf("the upstream was asked for %s", got)
			}
		})
	}
}

func TestToolList(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{Token: f.token("invoices:read")})
	result, _ := resp.JSON()["result"].(map[string]any)
	if result["cacheScope"] != "private" || result["ttlMs"] != 10000.0 || result["resultType"] != "complete" {
		t.Errorf("cacheScope %v, ttlMs %v, resultType %v", result["cacheScope"], result["ttlMs"], result["resultType"])
	}
	tools, _ := result["tools"].([]any)
	want := map[string]any{
		"name": "lookup_invoice", "title": "Look up an invoice",
		"description": "Return the status and total for a single invoice by id.",
		"annotations": map[string]any{"readOnlyHint": true, "idempotentHint": false},
		"inputSchema": map[string]any{
			"type": "object", "required": []any{"invoiceId"},
			"properties": map[string]any{"invoiceId": map[string]any{"type": "string"}},
		},
	}
	if diff := cmp.Diff(want, tools[0]); diff != "" {
		t.Errorf("first tool (-want +got):\n%s", diff)
	}
}

func TestWhatTheTransportRefuses(t *testing.T) {
	f := start(t)
	token := f.token("invoices:write")
	header := func(name string, values ...string) map[string][]string { return map[string][]string{name: values} }
	lookup := runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "1"})
	with := func(q runtimetest.Request, h map[string][]string) runtimetest.Request {
		q.Header = h
		return q
	}
	for name, tc := range map[string]struct {
		request runtimetest.Request
		status  int
		code    int
	}{
		"GET":                                {runtimetest.Request{HTTPMethod: http.MethodGet}, 405, 0},
		"DELETE":                             {runtimetest.Request{HTTPMethod: http.MethodDelete}, 405, 0},
		"a body that is no JSON":             {runtimetest.Request{Body: "{"}, 400, 0},
		"a body over 1 MiB":                  {runtimetest.Request{Body: `{"x":"` + strings.Repeat("a", 1<<20) + `"}`}, 413, 0},
		"another content type":               {with(runtimetest.Request{}, header("Content-Type", "text/plain")), 415, 0},
		"a version that is not known":        {runtimetest.Request{Version: "2099-01-01"}, 400, -32022},
		"an older version that is not known": {runtimetest.Request{Version: "1999-01-01"}, 400, -32022},
		"a method that is not known":         {runtimetest.Request{Method: "tools/destroy"}, 404, -32601},
		"prompts":                            {runtimetest.Request{Method: "prompts/list"}, 404, -32601},
		"resources":                          {runtimetest.Request{Method: "resources/list"}, 404, -32601},
		"resource templates":                 {runtimetest.Request{Method: "resources/templates/list"}, 404, -32601},
		"prompts of an older client":         {runtimetest.Request{Method: "prompts/list", Version: "2025-06-18"}, 200, -32601},
		"a method header that differs":       {with(lookup, header("Mcp-Method", "tools/list")), 400, -32020},
		"a name header that differs":         {with(lookup, header("Mcp-Name", "void_invoice")), 400, -32020},
		"no name header":                     {with(lookup, header("Mcp-Name")), 400, -32020},
		"no version header":                  {with(lookup, header("MCP-Protocol-Version")), 400, -32020},
		"a tool that is not declared":        {runtimetest.Call(token, "drop_database", nil), 400, -32602},
		"a tool in another case":             {runtimetest.Call(token, "Lookup_Invoice", nil), 400, -32602},
		"a batch":                            {runtimetest.Request{Body: `[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]`, Version: "2025-06-18"}, 400, 0},
		"another path":                       {runtimetest.Request{URL: runtimetest.Resource + "/"}, 404, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tc.request.Token = token
			resp := f.Do(tc.request)
			if resp.Status != tc.status || resp.ErrorCode() != tc.code {
				t.Errorf("status %d, code %d; want %d, %d: %s", resp.Status, resp.ErrorCode(), tc.status, tc.code, resp.Body)
			}
		})
	}
	if n := len(f.api.Requests()); n != 0 {
		t.Errorf("the upstream was asked %d times", n)
	}
}

func TestAcceptedNotification(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{
		Token: f.token("invoices:read"), Version: "2025-06-18", Body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`,
	})
	if resp.Status != http.StatusAccepted || len(resp.Body) != 0 {
		t.Errorf("status %d, body %q; want 202 without body", resp.Status, resp.Body)
	}
}

// A parser that ignores case, or takes the first of two members, would judge
// another tool than the one that runs.
func TestPolicyJudgesTheToolThatRuns(t *testing.T) {
	f := start(t)
	reader := f.token("invoices:read")
	for name, params := range map[string]string{
		"a repeated name, the allowed one first": `{"name":"lookup_invoice","name":"void_invoice","arguments":{"invoiceId":"1"}}`,
		"a name in capitals behind":              `{"name":"void_invoice","NAME":"lookup_invoice","arguments":{"invoiceId":"1"}}`,
		"a name in capitals before":              `{"Name":"lookup_invoice","name":"void_invoice","arguments":{"invoiceId":"1"}}`,
		"repeated params":                        `{"name":"lookup_invoice","arguments":{"invoiceId":"1"}},"params":{"name":"void_invoice","arguments":{"invoiceId":"1"}}`,
		"an escaped name":                        `{"name":"\u0076oid_invoice","arguments":{"invoiceId":"1"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.Do(runtimetest.Request{
				Token: reader, Version: "2025-06-18",
				Body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`,
			})
			if resp.Status != http.StatusForbidden {
				t.Errorf("status %d, want 403: %s", resp.Status, resp.Body)
			}
			for _, r := range f.api.Requests() {
				if strings.Contains(r.URI, "void") {
					t.Fatalf("%s ran", r.URI)
				}
			}
		})
	}
}

func TestBatchOfAnOldClientDeniesOneCallAndAnswersTheOther(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{
		Token: f.token("invoices:read"), Version: "2025-03-26",
		Body: `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}},
			{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"void_invoice","arguments":{"invoiceId":"1"}}}]`,
	})
	var answers []struct {
		ID     int
		Error  *struct{ Message string }
		Result json.RawMessage
	}
	if err := json.Unmarshal(resp.Body, &answers); err != nil || len(answers) != 2 {
		t.Fatalf("status %d, body %s", resp.Status, resp.Body)
	}
	for _, a := range answers {
		if denied := a.Error != nil; denied != (a.ID == 2) {
			t.Errorf("answer %d: denied %v", a.ID, denied)
		}
	}
	if got := resp.Challenge()["scope"]; got != "invoices:read invoices:write" {
		t.Errorf("challenge scope %q", got)
	}
	if !f.metric(`securedmcp_requests_total{outcome="ok",reason="partly_denied"} 1`) {
		t.Error("the batch is not counted")
	}
	if requests := f.api.Requests(); len(requests) != 1 || requests[0].URI != "/invoices/1" {
		t.Errorf("the upstream got %v", requests)
	}
}

// Nothing of such a batch has run, and nothing is run again.
func TestABatchOfDeniedCallsAloneIsDenied(t *testing.T) {
	f := start(t)
	denied := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"void_invoice","arguments":{"invoiceId":"1"}}}`
	for _, batch := range []string{"[" + denied + "]", "[" + denied + "," + strings.Replace(denied, `"id":1`, `"id":2`, 1) + "]"} {
		resp := f.Do(runtimetest.Request{Token: f.token("invoices:read"), Version: "2025-03-26", Body: batch})
		if resp.Status != http.StatusForbidden || resp.Challenge()["scope"] != "invoices:read invoices:write" {
			t.Errorf("status %d, challenge %v, body %s; want 403", resp.Status, resp.Challenge(), resp.Body)
		}
	}
	if !f.metric(`securedmcp_requests_total{outcome="denied",reason="insufficient_scope"} 2`) {
		t.Error("the batches are not counted as denied")
	}
}

func TestBuiltinTools(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tools = append(c.Tools, config.Tool{
		Name: "echo", Upstream: config.UpstreamBuiltin, Scopes: []string{"invoices:write"},
		InputSchema: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`),
	})
	var header http.Header
	echo := mcp.ToolHandler(func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		header = req.Extra.Header
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(req.Params.Arguments)}}}, nil
	})
	r := runtimetest.Start(t, c, func(o *app.Options) { o.Builtins = map[string]mcp.ToolHandler{"echo": echo} })
	writer := issuer.Token(oauthtest.Claims{"scope": "invoices:write"})

	resp := r.Do(runtimetest.Call(writer, "echo", map[string]any{"n": json.Number("12345678901234567890")}))
	if text, isError := resp.Text(); text != `{"n":12345678901234567890}` || isError {
		t.Errorf("answer %s", resp.Body)
	}
	if header.Get("Authorization") != "" {
		t.Error("the tool got the caller's token")
	}
	if _, isError := r.Do(runtimetest.Call(writer, "echo", map[string]any{"n": "x"})).Text(); !isError {
		t.Error("arguments that do not fit the schema were accepted")
	}
	reader := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
	if resp := r.Do(runtimetest.Call(reader, "echo", map[string]any{"n": 1})); resp.Status != http.StatusForbidden {
		t.Errorf("without the scope: status %d, want 403", resp.Status)
	}
}

func TestAToolThatPanicsFailsItsCallOnly(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tools = []config.Tool{{Name: "boom", Upstream: config.UpstreamBuiltin, InputSchema: json.RawMessage(`{"type":"object"}`)}}
	boom := func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic("boom went the tool") }
	r := runtimetest.Start(t, c, func(o *app.Options) { o.Builtins = map[string]mcp.ToolHandler{"boom": boom} })
	token := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
	for range 2 {
		if got := r.Do(runtimetest.Call(token, "boom", map[string]any{"account": "s3cr3t"})).ErrorCode(); got != -32603 {
			t.Errorf("code %d, want -32603", got)
		}
	}
	r.Do(runtimetest.Request{Token: token, Version: "2025-06-18", Body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"boom","arguments":{}}}`})
	if f := (fixture{Runtime: r}); !f.metric(`securedmcp_requests_total{outcome="failed",reason="server_error"} 3`) {
		t.Error("it is not counted as failed")
	}
	logs := r.Logs()
	if !strings.Contains(logs, `"method panicked"`) || !strings.Contains(logs, "TestAToolThatPanicsFailsItsCallOnly") || !strings.Contains(logs, `"type":"string"`) {
		t.Errorf("the log does not say what panicked where: %s", logs)
	}
	if strings.Contains(logs, "s3cr3t") || strings.Contains(logs, "boom went") {
		t.Error("the log quotes an argument or the panic's value")
	}
}

func TestABatchIsBoundedAndPaysForEachOfItsCalls(t *testing.T) {
	call := `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}}`
	batch := func(n int) string {
		calls := make([]string, n)
		for i := range calls {
			calls[i] = fmt.Sprintf(call, i)
		}
		return "[" + strings.Join(calls, ",") + "]"
	}
	f := startWith(t, func(c *config.RuntimeConfig) { c.RateLimit = &config.RateLimit{Requests: 10, PeriodSeconds: 3600} })
	token := f.token("invoices:read")
	for _, step := range []struct{ calls, status int }{{1000, 400}, {8, 200}, {8, 429}} {
		if resp := f.Do(runtimetest.Request{Token: token, Version: "2025-03-26", Body: batch(step.calls)}); resp.Status != step.status {
			t.Errorf("%d calls: status %d, want %d: %.200s", step.calls, resp.Status, step.status, resp.Body)
		}
	}
	if got := len(f.api.Requests()); got != 8 {
		t.Errorf("the upstream was asked %d times, want 8", got)
	}
}

// What can never succeed is not asked to come again.
func TestABatchOfMoreThanIsAllowedAtOnceIsTooLarge(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.RateLimit = &config.RateLimit{Requests: 3600, PeriodSeconds: 3600, Burst: 2}
	})
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}}`
	resp := f.Do(runtimetest.Request{Token: f.token("invoices:read"), Version: "2025-03-26", Body: "[" + call + "," + call + "," + call + "]"})
	if retry := resp.Header.Get("Retry-After"); resp.Status != http.StatusBadRequest || retry != "" || !strings.Contains(string(resp.Body), "batch_too_large") {
		t.Errorf("status %d, Retry-After %q, body %s", resp.Status, retry, resp.Body)
	}
	if got := len(f.api.Requests()); got != 0 {
		t.Errorf("the upstream was asked %d times", got)
	}
}

func TestHeadersOfSessionsAreIgnored(t *testing.T) {
	f := start(t)
	for _, version := range []string{"2025-06-18", runtimetest.Modern} {
		resp := f.Do(runtimetest.Request{
			Token: f.token("invoices:read"), Version: version,
			Header: map[string][]string{"Mcp-Session-Id": {"of-somebody-else"}, "Last-Event-ID": {"7"}},
		})
		if resp.Status != http.StatusOK || resp.Header.Get("Mcp-Session-Id") != "" {
			t.Errorf("%s: status %d, Mcp-Session-Id %q", version, resp.Status, resp.Header.Get("Mcp-Session-Id"))
		}
	}
}
