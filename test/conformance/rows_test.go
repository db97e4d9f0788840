package conformance_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// The tests here are of rows that rsauth cannot see, because they need a server
// of a certain configuration.

func TestACallerThatAsksTooOftenIsToldToComeBack(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.RateLimit = &config.RateLimit{Requests: 1, PeriodSeconds: 60, Burst: 2}
	r := runtimetest.Start(t, c)
	ask := func(subject string) *runtimetest.Response {
		return r.Do(runtimetest.Request{Token: issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": subject})})
	}
	for range 2 {
		if got := ask("alice").Status; got != http.StatusOK {
			t.Fatalf("within the burst: status %d, want 200", got)
		}
	}
	resp := ask("alice") // another token of hers makes no difference
	if wait, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.Status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 60 {
		t.Errorf("status %d, Retry-After %q; want 429 and at most a minute", resp.Status, resp.Header.Get("Retry-After"))
	}
	if got := ask("bob").Status; got != http.StatusOK {
		t.Errorf("another caller: status %d, want 200", got)
	}
}

func TestAMissingClientCapabilityIsABadRequest(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tools = append(c.Tools, config.Tool{Name: "sample", Upstream: config.UpstreamBuiltin, InputSchema: json.RawMessage(`{"type":"object"}`)})
	r := runtimetest.Start(t, c, func(o *app.Options) {
		o.Builtins = map[string]mcp.ToolHandler{"sample": func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return nil, &jsonrpc.Error{Code: mcp.CodeMissingRequiredClientCapabilities, Message: "sampling"}
		}}
	})
	resp := r.Do(runtimetest.Call(issuer.Token(oauthtest.Claims{"scope": "invoices:read"}), "sample", nil))
	if resp.Status != http.StatusBadRequest || resp.ErrorCode() != mcp.CodeMissingRequiredClientCapabilities {
		t.Errorf("status %d, code %d; want 400, -32021", resp.Status, resp.ErrorCode())
	}
}

func TestATokenThatIsRememberedEndsWhenItExpires(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tokens.ClockSkewSeconds = new(int)
	r := runtimetest.Start(t, c)
	expiry := time.Now().Add(2 * time.Second).Truncate(time.Second)
	token := issuer.Token(oauthtest.Claims{"scope": "invoices:read", "exp": expiry})
	var last int
	runtimetest.Eventually(t, "the end of the token", func() bool {
		before := time.Now()
		if last = r.Do(runtimetest.Request{Token: token}).Status; last == http.StatusOK && before.After(expiry) {
			t.Fatal("accepted after it had expired")
		}
		return last != http.StatusOK
	}, r.Logs)
	if last != http.StatusUnauthorized || time.Now().Before(expiry) {
		t.Errorf("status %d at %s, want 401 from %s on", last, time.Now(), expiry)
	}
}

func TestWhatAToolsOnlyServerDoesNotHave(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	r := runtimetest.Start(t, runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1"))
	token := issuer.Token(oauthtest.Claims{"scope": "invoices:write"})
	for _, method := range []string{
		"prompts/list", "prompts/get", "resources/list", "resources/read", "resources/subscribe", "resources/templates/list",
		"completion/complete", "logging/setLevel",
	} {
		for _, version := range []string{"2025-06-18", runtimetest.Modern} {
			resp := r.Do(runtimetest.Request{
				Token: token, Version: version, Method: method,
				Params: map[string]any{"name": "x", "uri": "x:y", "level": "info"},
				Header: map[string][]string{"Mcp-Name": {nameFor(method)}},
			})
			if resp.ErrorCode() != jsonrpc.CodeMethodNotFound {
				t.Errorf("%s in %s: status %d, code %d; want -32601: %s", method, version, resp.Status, resp.ErrorCode(), resp.Body)
			}
		}
	}
}

// nameFor is the Mcp-Name that goes with the parameters above.
func nameFor(method string) string {
	if method == "resources/read" {
		return "x:y"
	}
	return "x"
}

func TestTheChallengeOfAResourceWithoutPathLeadsToTheRoot(t *testing.T) {
	issuer := oauthtest.New(t)
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Resource = "https://mcp.example.com"
	r := runtimetest.Start(t, c)
	at := r.Do(runtimetest.Request{}).Challenge()["resource_metadata"]
	if got := r.Do(runtimetest.Request{HTTPMethod: http.MethodGet, URL: at}).JSON()["resource"]; got != c.Resource {
		t.Errorf("at %q resource %v, want %s", at, got, c.Resource)
	}
}
