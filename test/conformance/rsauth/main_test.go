package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
)

// serveOpen serves an MCP endpoint without any authorization.
func serveOpen(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func start(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestAFailedMustIsTheExitCode(t *testing.T) {
	at := []string{"--url", serveOpen(t), "--issuer-listen", "127.0.0.1:0", "--issuer-url", "http://127.0.0.1:1"}
	code, table, _ := start(t, append(at, "--only", "A5.expired")...)
	if code != exitFailed || !strings.Contains(table, "A5.expired") || !strings.Contains(table, "0 passed, 1 failed (1 MUST), 0 skipped") {
		t.Errorf("exit code %d, want %d:\n%s", code, exitFailed, table)
	}
	code, table, _ = start(t, append(at, "--only", "A5.good,T10")...)
	if code != exitFailed { // an empty tool list is none to compare
		t.Errorf("exit code %d, want %d:\n%s", code, exitFailed, table)
	}
	code, table, _ = start(t, append(at, "--only", "A5.good")...)
	if code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, table)
	}
}

func TestReportAsJSON(t *testing.T) {
	_, out, _ := start(t, "--url", serveOpen(t), "--issuer-listen", "127.0.0.1:0", "--issuer-url", "http://127.0.0.1:1", "--json", "--only", "A5")
	var report checks.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, r := range report.Results {
		if r.Row != "A5" || r.Level == "" || r.Status == "" || r.Sent == "" || r.Got == "" || r.Want == "" || r.Reference == "" {
			t.Errorf("incomplete result %+v", r)
		}
	}
	if len(report.Results) < 10 {
		t.Errorf("%d results", len(report.Results))
	}
}

func TestListOfChecks(t *testing.T) {
	code, out, _ := start(t, "--list")
	if got, want := strings.Count(out, "\n"), len(checks.All())+1; code != 0 || got != want {
		t.Errorf("exit code %d, %d lines; want 0, %d", code, got, want)
	}
}

func TestHelpTellsHowAndTheExitCodes(t *testing.T) {
	code, _, help := start(t, "--help")
	if code != 0 || !strings.Contains(help, "Exit code: 0") || !strings.Contains(help, "--issuer-listen 127.0.0.1:9000") || !strings.Contains(help, "-tokens kind") {
		t.Errorf("exit code %d, %s", code, help)
	}
}

func TestWhatCannotBeTested(t *testing.T) {
	for name, args := range map[string][]string{
		"no URL":                {"--issuer-listen", "127.0.0.1:0"},
		"no address":            {"--url", "http://localhost/mcp"},
		"a flag unknown":        {"--frobnicate"},
		"an argument":           {"now"},
		"no such check":         {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--only", "A5.unheard-of"},
		"no such kind of token": {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--tokens", "paper"},
		"opaque tokens that nobody may ask about": {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--tokens", "opaque"},
		"a client without a secret":               {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--tokens", "opaque", "--introspection-client", "mcp"},
		"a client for JWTs":                       {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--introspection-client", "mcp", "--introspection-secret", "s"},
		"no such way of DPoP":                     {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--dpop", "sometimes"},
		"no such file":                            {"--url", "http://localhost/mcp", "--issuer-listen", "127.0.0.1:0", "--ca-file", "testdata/none.pem"},
		"an address in use":                       {"--url", "http://localhost/mcp", "--issuer-listen", "256.0.0.1:1"},
		"a server that is no":                     {"--url", "http://127.0.0.1:1/mcp", "--issuer-listen", "127.0.0.1:0", "--wait", "100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, stderr := start(t, args...); code != exitUntested || stderr == "" {
				t.Errorf("exit code %d, want %d; %s", code, exitUntested, stderr)
			}
		})
	}
}
