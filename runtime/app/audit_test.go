package app_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

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
