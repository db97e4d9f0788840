//go:build clients

package clients_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// told is what the scripts of the TypeScript SDKs tell when all goes well.
func told() []line {
	return []line{
		{Saw: "authorization"},
		{Saw: "connected"},
		{Saw: "tools", Tools: []string{"lookup_invoice", "void_invoice"}},
		{Saw: "result", Tool: "lookup_invoice"},
		{Saw: "authorization"},
		{Saw: "result", Tool: "void_invoice"},
	}
}

func (w *world) runTypeScript(t *testing.T, script string) {
	t.Helper()
	got := w.run(t, script)
	if diff := cmp.Diff(told(), got, cmpopts.IgnoreFields(line{}, "Text")); diff != "" {
		t.Errorf("%s told (-want +got):\n%s", script, diff)
	}
	for _, l := range got {
		if l.Saw == "result" && !strings.Contains(l.Text, "/invoices/INV-2041") {
			t.Errorf("%s got from %s: %s", script, l.Tool, l.Text)
		}
	}
	w.wantOnWire(t, w.story())
	w.wantInAudit(t, 1, auditOfTheStory())
	w.wantAtAPI(t)
}

// wantRevision fails unless the client spoke the revision in all its calls.
func (w *world) wantRevision(t *testing.T, revision string) {
	t.Helper()
	for _, e := range w.wire.all() {
		if e.RPC == "tools/call" && e.Revision != revision {
			t.Errorf("revision %q, want %s: %s", e.Revision, revision, e)
		}
	}
}

// A client of an older revision begins with initialize, and may go to another
// replica with each request.
func TestTypeScript1OnReplicasThatAlternate(t *testing.T) {
	w := newWorld(t, 2, config.Tokens{})
	w.runTypeScript(t, "sdk1.mjs")
	w.wantRevision(t, "2025-11-25")
	for i := range w.replicas {
		if n := w.mcp.served[i].Load(); n < 3 {
			t.Errorf("replica %d served %d requests; want half of them\n%s", i, n, w.wire)
		}
	}
}

func TestTypeScript2(t *testing.T) {
	w := newWorld(t, 1, config.Tokens{})
	w.runTypeScript(t, "sdk2.mjs")
	w.wantRevision(t, "2026-07-28")
}

// Every token of this client is bound to its key, and the server takes no other.
func TestTypeScript2WithDPoP(t *testing.T) {
	w := newWorld(t, 1, config.Tokens{DPoP: config.DPoPRequired})
	w.runTypeScript(t, "sdk2-dpop.mjs")
	for _, e := range w.wire.all() {
		if e.Path == "/billing" && e.HasToken && e.Scheme != "DPoP" {
			t.Errorf("a token by the scheme %s: %s", e.Scheme, e)
		}
	}
}
