package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// startProgress starts a server whose tool "work" reports progress.
func startProgress(t *testing.T) fixture {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tools = []config.Tool{{
		Name: "work", Scopes: []string{"invoices:write"}, Upstream: config.UpstreamBuiltin, InputSchema: json.RawMessage(`{"type":"object"}`),
	}}
	work := func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			if token := req.Params.GetProgressToken(); token != nil {
				params := &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(i + 1), Total: 3}
				if err := req.Session.NotifyProgress(ctx, params); err != nil {
					return nil, err
				}
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	}
	r := runtimetest.Start(t, c, func(o *app.Options) { o.Builtins = map[string]mcp.ToolHandler{"work": work} })
	return fixture{Runtime: r, issuer: issuer}
}

func workCall(token, version string, meta map[string]any) runtimetest.Request {
	q := runtimetest.Call(token, "work", nil)
	q.Version, q.Meta = version, meta
	return q
}

func TestProgressReachesWhoAsksForIt(t *testing.T) {
	f := startProgress(t)
	writer := f.token("invoices:write")
	for _, version := range []string{runtimetest.Modern, "2025-06-18"} {
		resp := f.Do(workCall(writer, version, map[string]any{"progressToken": "p1"}))
		events := strings.Count(string(resp.Body), `"notifications/progress"`)
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") || events != 3 || !strings.Contains(string(resp.Body), `"done"`) {
			t.Errorf("%s: status %d, Content-Type %q, %d events: %s", version, resp.Status, resp.Header.Get("Content-Type"), events, resp.Body)
		}
		if resp.Header.Get("X-Accel-Buffering") != "no" {
			t.Errorf("%s: proxies would gather the events", version)
		}
		resp = f.Do(workCall(writer, version, nil))
		if text, _ := resp.Text(); resp.Header.Get("Content-Type") != "application/json" || text != "done" {
			t.Errorf("%s: who does not ask gets %q: %s", version, resp.Header.Get("Content-Type"), resp.Body)
		}
	}
}

func TestACallThatAsksForProgressIsDeniedAtHTTPLevelToo(t *testing.T) {
	f := startProgress(t)
	resp := f.Do(workCall(f.token("invoices:read"), runtimetest.Modern, map[string]any{"progressToken": 1}))
	if resp.Status != http.StatusForbidden || resp.Challenge()["scope"] != "invoices:read invoices:write" {
		t.Errorf("status %d, challenge %v; want 403 with both scopes", resp.Status, resp.Challenge())
	}
	resp = f.Do(workCall("", runtimetest.Modern, map[string]any{"progressToken": 1}))
	if resp.Status != http.StatusUnauthorized {
		t.Errorf("a stranger: status %d, want 401", resp.Status)
	}
}

func TestToolsWithoutProgressAnswerInJSON(t *testing.T) {
	f := start(t)
	q := runtimetest.Call(f.token("invoices:read"), "lookup_invoice", map[string]any{"invoiceId": "1"})
	q.Meta = map[string]any{"progressToken": "p1"}
	if resp := f.Do(q); resp.Status != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, Content-Type %q", resp.Status, resp.Header.Get("Content-Type"))
	}
}

func TestTheSDKsClientSeesProgress(t *testing.T) {
	f := startProgress(t)
	seen := make(chan float64, 3)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, req *mcp.ProgressNotificationClientRequest) { seen <- req.Params.Progress },
	})
	token := f.token("invoices:write")
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: runtimetest.Resource, HTTPClient: &http.Client{Transport: withToken{f.HTTP.Transport, token}}, DisableStandaloneSSE: true,
	}, nil)
	must(t, err)
	defer session.Close()
	params := &mcp.CallToolParams{Name: "work"}
	params.SetProgressToken("p1")
	_, err = session.CallTool(t.Context(), params)
	must(t, err)
	for i := range 3 {
		if got := <-seen; got != float64(i+1) {
			t.Errorf("progress %v, want %d", got, i+1)
		}
	}
}

// withToken adds an access token to each request.
type withToken struct {
	http.RoundTripper

	token string
}

func (w withToken) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+w.token)
	return w.RoundTripper.RoundTrip(req)
}
