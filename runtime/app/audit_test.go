package app_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// decisions returns the audit lines so far.
func decisions(t *testing.T, r *runtimetest.Runtime) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(r.Logs()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("a log line is no JSON: %q", line)
		}
		if entry["log"] == "audit" {
			lines = append(lines, entry)
		}
	}
	return lines
}

func TestAuditTellsWhoWantedWhatAndWhatItCameTo(t *testing.T) {
	f := start(t)
	f.void(f.issuer.Token(oauthtest.Claims{"scope": "invoices:write", "sub": "alice", "client_id": "assistant"}))
	f.void(f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "bob", "client_id": "assistant"}))
	f.Do(runtimetest.Request{Token: f.issuer.Token(oauthtest.Claims{"aud": "x", "sub": "mallory"})})
	f.Do(runtimetest.Request{})
	want := []map[string]any{
		{"decision": "allowed", "reason": "ok", "subject": "alice", "client": "assistant", "tool": "void_invoice", "upstreamStatus": 200.0},
		{"decision": "denied", "reason": "insufficient_scope", "subject": "bob", "client": "assistant", "tool": "void_invoice"},
		{"decision": "denied", "reason": "bad_audience"},
		{"decision": "denied", "reason": "no_token"},
	}
	got := decisions(t, f.Runtime)
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %v", len(got), len(want), got)
	}
	for i, line := range want {
		for key, value := range line {
			if got[i][key] != value {
				t.Errorf("line %d: %s %v, want %v", i, key, got[i][key], value)
			}
		}
		if got[i]["resource"] != runtimetest.Resource || got[i]["issuer"] != f.issuer.Issuer() || got[i]["requestID"] == "" || got[i]["time"] == "" {
			t.Errorf("line %d lacks its place: %v", i, got[i])
		}
	}
	// A token that was not accepted speaks for nobody.
	if _, ok := got[2]["subject"]; ok {
		t.Error("the audit believes a refused token")
	}
}

func TestLogLevelFollowsTheConfigurationAndTheAuditDoesNot(t *testing.T) {
	level := new(slog.LevelVar)
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.LogLevel = "Error"
	r := runtimetest.Start(t, c, func(o *app.Options) { o.Level = level })
	if level.Level() != slog.LevelError {
		t.Errorf("level %s, want ERROR", level.Level())
	}
	r.Do(runtimetest.Request{})
	if len(decisions(t, r)) != 1 {
		t.Errorf("the audit is silent at level ERROR: %s", r.Logs())
	}
	c.LogLevel = "Debug"
	r.Replace(c)
	if level.Level() != slog.LevelDebug {
		t.Errorf("level %s, want DEBUG", level.Level())
	}
	c.LogLevel = ""
	r.Replace(c)
	if level.Level() != slog.LevelInfo {
		t.Errorf("level %s, want INFO", level.Level())
	}
}

func TestEveryDeniedCallOfABatchIsAuditedAndInTheChallenge(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Scopes = append(c.Scopes, config.Scope{Name: "invoices:export"})
		c.Tools = append(c.Tools, config.Tool{
			Name: "export", Scopes: []string{"invoices:export"}, Upstream: "billing-api",
			HTTP: &config.HTTPTool{Method: "GET", Path: "/export"}, InputSchema: json.RawMessage(`{"type":"object"}`),
		})
	})
	call := func(id int, tool string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{"invoiceId":"1"}}}`, id, tool)
	}
	resp := f.Do(runtimetest.Request{
		Token: f.token("invoices:read"), Version: "2025-03-26",
		Body: "[" + call(1, "void_invoice") + "," + call(2, "export") + "," + call(3, "void_invoice") + "]",
	})
	if got := resp.Challenge()["scope"]; got != "invoices:export invoices:read invoices:write" {
		t.Errorf("challenge scope %q, want what all calls need", got)
	}
	byTool := map[any]int{}
	for _, line := range decisions(t, f.Runtime) {
		if line["decision"] == "denied" && line["reason"] == "insufficient_scope" && line["subject"] != "" {
			byTool[line["tool"]]++
		}
	}
	if byTool["void_invoice"] != 2 || byTool["export"] != 1 || len(decisions(t, f.Runtime)) != 3 {
		t.Errorf("denied lines by tool: %v of %d; want one for each call", byTool, len(decisions(t, f.Runtime)))
	}
}

func TestRequestsThatCallNoToolAreAuditedToo(t *testing.T) {
	const undeclared = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_database"}}`
	for name, tc := range map[string]struct {
		request                  runtimetest.Request
		decision, reason, method string
	}{
		"a list":              {runtimetest.Request{}, "allowed", "ok", "tools/list"},
		"discovery":           {runtimetest.Request{Method: "server/discover"}, "allowed", "ok", "server/discover"},
		"an undeclared tool":  {runtimetest.Call("", "drop_database", nil), "allowed", "client_error", "tools/call"},
		"one by legacy":       {runtimetest.Request{Version: "2025-06-18", Body: undeclared}, "allowed", "client_error", "tools/call"},
		"two by legacy":       {runtimetest.Request{Version: "2025-03-26", Body: "[" + undeclared + "," + undeclared + "]"}, "allowed", "client_error", "tools/call"},
		"no prompts, legacy":  {runtimetest.Request{Version: "2025-06-18", Body: `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`}, "allowed", "client_error", ""},
		"an unknown method":   {runtimetest.Request{Method: "tools/destroy"}, "allowed", "client_error", ""},
		"an unknown version":  {runtimetest.Request{Version: "1999-01-01"}, "denied", "unsupported_version", ""},
		"another HTTP method": {runtimetest.Request{HTTPMethod: "GET"}, "allowed", "client_error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			tc.request.Token = f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "alice"})
			f.Do(tc.request)
			lines := decisions(t, f.Runtime)
			if len(lines) != 1 {
				t.Fatalf("%d lines, want one: %v", len(lines), lines)
			}
			method, _ := lines[0]["method"].(string)
			if lines[0]["decision"] != tc.decision || lines[0]["reason"] != tc.reason || method != tc.method || lines[0]["subject"] != "alice" {
				t.Errorf("%v; want %s, %s, method %q of alice", lines[0], tc.decision, tc.reason, tc.method)
			}
		})
	}
}

func TestAStreamIsAuditedWhenItOpens(t *testing.T) {
	f := start(t)
	opened, ended := f.listen(t, f.token("invoices:read"))
	waitOpen(t, opened, ended)
	runtimetest.Eventually(t, "the audit line", func() bool {
		lines := decisions(t, f.Runtime)
		return len(lines) == 1 && lines[0]["method"] == "subscriptions/listen" && lines[0]["decision"] == "allowed"
	}, f.Logs)
}

// No login meets two tools that want different ones: the challenge asks for one that
// there is.
func TestTheChallengeOfABatchNamesALoginThatThereIs(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Tools[0].Authentication = &config.Authentication{ACRValues: []string{"gold"}}
		c.Tools[1].Authentication = &config.Authentication{ACRValues: []string{"silver"}}
	})
	resp := f.Do(runtimetest.Request{Token: f.token("invoices:write"), Version: "2025-03-26", Body: `[` +
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}},` +
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"void_invoice","arguments":{"invoiceId":"1"}}}]`})
	if got := resp.Challenge()["acr_values"]; got != "gold" && got != "silver" {
		t.Errorf("acr_values %q, want that of a tool", got)
	}
}
