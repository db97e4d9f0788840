//go:build clients

package clients_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	metadataPath = "/.well-known/oauth-protected-resource/billing"
	readScope    = "invoices:read"
	bothScopes   = "invoices:read invoices:write"
)

// step is one exchange that a story must have.
type step struct {
	what string
	is   func(exchange) bool
}

// story is the way of a client that steps up, as it has to be seen on the wire,
// with whatever a client does beside it in between.
func (w *world) story() []step {
	return slices.Concat(w.signIn(), []step{
		w.rpc("the tool list", "tools/list", "", http.StatusOK),
		w.rpc("the call that is allowed", "tools/call", "lookup_invoice", http.StatusOK),
		w.denied(),
	}, w.authorization(bothScopes), []step{
		w.rpc("the call, once more", "tools/call", "void_invoice", http.StatusOK),
	})
}

// signIn is the way of a client without a token to its first one.
func (w *world) signIn() []step {
	return slices.Concat([]step{
		{"a request without a token, and a challenge that leads to the metadata", func(e exchange) bool {
			return e.Path == "/billing" && !e.HasToken && e.Status == http.StatusUnauthorized &&
				e.Challenge["resource_metadata"] == w.mcp.URL+metadataPath && e.Challenge["scope"] == readScope && e.Challenge["error"] == ""
		}},
		{"the metadata of the resource", func(e exchange) bool { return e.Path == metadataPath && e.Status == http.StatusOK }},
		{"the metadata of the authorization server", func(e exchange) bool {
			return (e.Path == "/.well-known/oauth-authorization-server" || e.Path == "/.well-known/openid-configuration") && e.Status == http.StatusOK
		}},
		{"a registration", func(e exchange) bool { return e.Path == "/reg" && e.Status == http.StatusCreated }},
	}, w.authorization(readScope))
}

// authorization is a code for these scopes and this resource, with PKCE, and its
// redemption.
func (w *world) authorization(scopes string) []step {
	return []step{
		{"an authorization of " + scopes, func(e exchange) bool {
			q := e.Query
			return e.Path == "/auth" && q.Get("response_type") == "code" && q.Get("code_challenge_method") == "S256" && q.Get("code_challenge") != "" &&
				q.Get("resource") == w.endpoint && asks(q.Get("scope"), scopes)
		}},
		{"the redemption of the code", func(e exchange) bool {
			f := e.Form
			return e.Path == "/token" && f.Get("grant_type") == "authorization_code" && f.Get("code_verifier") != "" &&
				f.Get("resource") == w.endpoint && e.Status == http.StatusOK
		}},
	}
}

// asks tells whether these scopes of ours are asked for, and no other of ours.
func asks(scope, wanted string) bool {
	var ours []string
	for s := range strings.FieldsSeq(scope) {
		if strings.HasPrefix(s, "invoices:") {
			ours = append(ours, s)
		}
	}
	slices.Sort(ours)
	return strings.Join(ours, " ") == wanted
}

func (w *world) rpc(what, method, tool string, status int) step {
	return step{what, func(e exchange) bool {
		return e.Path == "/billing" && e.HasToken && e.RPC == method && e.Tool == tool && e.Status == status
	}}
}

// denied is the call that needs another scope, and the challenge that says so.
func (w *world) denied() step {
	return step{"the call that is denied, and all scopes that it needs", func(e exchange) bool {
		want := map[string]string{"error": "insufficient_scope", "scope": bothScopes, "resource_metadata": w.mcp.URL + metadataPath}
		got := map[string]string{}
		for name := range want {
			got[name] = e.Challenge[name]
		}
		return e.Path == "/billing" && e.HasToken && e.Tool == "void_invoice" && e.Status == http.StatusForbidden && cmp.Equal(want, got)
	}}
}

// wantOnWire fails unless the wire has the steps, in this order.
func (w *world) wantOnWire(t *testing.T, steps []step) {
	t.Helper()
	rest := w.wire.all()
	for _, s := range steps {
		i := slices.IndexFunc(rest, s.is)
		if i < 0 {
			t.Fatalf("the wire lacks, or has too early: %s\n%s", s.what, w.wire)
		}
		rest = rest[i+1:]
	}
	for _, e := range w.wire.all() {
		if e.Session != "" {
			t.Errorf("a session: %s", e)
		}
	}
}

// decision is what an audit line says of one request.
type decision struct {
	Decision, Reason, Subject, Tool string
	Client                          string `json:",omitempty"`
}

// wantInAudit fails unless the audit lines that are about a tool, or about
// somebody who was turned away, are these, by so many registered clients.
func (w *world) wantInAudit(t *testing.T, registered int, want []decision) {
	t.Helper()
	var got []decision
	clients := map[string]bool{}
	for _, r := range w.replicas {
		for text := range strings.Lines(r.Logs()) {
			var entry struct {
				Log string
				decision
			}
			if json.Unmarshal([]byte(text), &entry) != nil || entry.Log != "audit" {
				continue
			}
			if entry.Client != "" {
				clients[entry.Client] = true
				entry.Client = ""
			}
			aboutElse := entry.Tool == "" && entry.Decision == "allowed" // discovery and lists, which each client does in its own way
			if !aboutElse && !slices.Contains(got, entry.decision) {     // clients try to connect more than once
				got = append(got, entry.decision)
			}
		}
	}
	order := func(a, b decision) int {
		return strings.Compare(a.Decision+a.Reason+a.Tool, b.Decision+b.Reason+b.Tool)
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	if len(clients) != registered {
		t.Errorf("clients in the audit: %v, want %d", clients, registered)
	}
}

// auditOfTheStory is that of a client that steps up.
func auditOfTheStory() []decision {
	return []decision{
		{Decision: "denied", Reason: "no_token"},
		{Decision: "allowed", Reason: "ok", Subject: "alice", Tool: "lookup_invoice"},
		{Decision: "denied", Reason: "insufficient_scope", Subject: "alice", Tool: "void_invoice"},
		{Decision: "allowed", Reason: "ok", Subject: "alice", Tool: "void_invoice"},
	}
}

// wantAtAPI fails unless the API was asked these, and nothing else.
func (w *world) wantAtAPI(t *testing.T) {
	t.Helper()
	var got []string
	for _, r := range w.api.Requests() {
		got = append(got, r.Method+" "+r.URI)
		if r.Header.Get("Authorization") != "" {
			t.Error("the API got the caller's token")
		}
	}
	if diff := cmp.Diff([]string{"GET /invoices/INV-2041", "POST /invoices/INV-2041/void"}, got); diff != "" {
		t.Errorf("the API was asked (-want +got):\n%s", diff)
	}
}
