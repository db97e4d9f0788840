package checks_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
)

func newIssuer(t *testing.T) *checks.Issuer {
	t.Helper()
	issuer, err := checks.NewIssuer("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func TestChecksAreNamedAndComplete(t *testing.T) {
	id := regexp.MustCompile(`^[ATX][0-9]+\.[a-z0-9-]+$`)
	seen := map[string]bool{}
	for _, c := range checks.All() {
		if !id.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("id %q is not of a row and a word, or there twice", c.ID)
		}
		seen[c.ID] = true
		if c.Sends == "" || c.Wants == "" || c.Reference == "" || (c.Level != checks.Must && c.Level != checks.Should) {
			t.Errorf("%s lacks a part: %+v", c.ID, c)
		}
	}
}

// A check that passes on a server without any authorization would be no check.
func TestAServerThatLetsEverybodyInIsFound(t *testing.T) {
	open := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"t","inputSchema":{"required":["a"]}}]}}`))
	}))
	defer open.Close()
	skippedEverywhere := map[string]bool{}
	for _, c := range checks.All() {
		skippedEverywhere[c.ID] = true
	}
	for _, tokens := range []string{checks.TokensJWT, checks.TokensOpaque} {
		for _, dpop := range []string{"", checks.DPoPOptional, checks.DPoPRequired} {
			t.Run(tokens+" "+dpop, func(t *testing.T) {
				report, err := checks.Run(t.Context(), checks.Config{
					URL: open.URL, Issuer: newIssuer(t), Scopes: []string{"a"}, Tool: "t", ToolScope: "b", BroaderScope: "c",
					LoginTool: "t", Origin: "https://app.example.com", RateLimit: 3, Tokens: tokens, DPoP: dpop,
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range report.Results {
					if r.Status == checks.Pass && !wantsIn(r) {
						t.Errorf("%s passed: sent %s, got %s, want %s", r.Check, r.Sent, r.Got, r.Want)
					}
					skippedEverywhere[r.Check] = skippedEverywhere[r.Check] && r.Status == checks.Skip
				}
				if len(report.Failed(checks.Must)) < 60 {
					t.Errorf("only %d MUSTs failed", len(report.Failed(checks.Must)))
				}
			})
		}
	}
	for id, skipped := range skippedEverywhere {
		if skipped && !strings.HasPrefix(id, "A8.door") && id != "A8.batch" && !strings.HasPrefix(id, "T6.") && !strings.HasPrefix(id, "T12.session-of") {
			t.Errorf("%s is skipped in every mode", id)
		}
	}
}

// wantsIn tells whether a server that lets everybody in may pass the check.
func wantsIn(r checks.Result) bool {
	return slices.ContainsFunc([]string{"200", "the same", "no offline_access", "bearer_methods", "anything but"}, func(want string) bool {
		return strings.HasPrefix(r.Want, want)
	})
}

func TestAServerThatLetsNobodyInIsNotTested(t *testing.T) {
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer scope="a"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer closed.Close()
	_, err := checks.Run(t.Context(), checks.Config{URL: closed.URL, Issuer: newIssuer(t), Wait: 2 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("error %v: want one that tells the answer", err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	issuer := newIssuer(t)
	for name, tc := range map[string]struct {
		config checks.Config
		only   []string
	}{
		"without URL":                  {config: checks.Config{Issuer: issuer}},
		"with a fragment":              {config: checks.Config{URL: "http://localhost/#x", Issuer: issuer}},
		"without issuer":               {config: checks.Config{URL: "http://localhost/mcp"}},
		"of an unknown revision":       {config: checks.Config{URL: "http://localhost/mcp", Issuer: issuer, Revision: "2024-11-05"}},
		"of an unknown kind of token":  {config: checks.Config{URL: "http://localhost/mcp", Issuer: issuer, Tokens: "paper"}},
		"of an unknown way of DPoP":    {config: checks.Config{URL: "http://localhost/mcp", Issuer: issuer, DPoP: "sometimes"}},
		"with a tool without scope":    {config: checks.Config{URL: "http://localhost/mcp", Issuer: issuer, Tool: "t"}},
		"with arguments that are none": {config: checks.Config{URL: "http://localhost/mcp", Issuer: issuer, ToolArguments: []byte("[]")}},
		"that selects nothing":         {config: checks.Config{URL: "http://localhost/mcp", Issuer: issuer}, only: []string{"A99"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := checks.Run(t.Context(), tc.config, tc.only...); err == nil {
				t.Error("no error")
			}
		})
	}
}
