//go:build clients

package clients_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// inspector is the MCP Inspector's command line: each run is one request. Runs
// share a home, where it keeps tokens.
type inspector struct {
	w        *world
	home     string
	callback string
	person   *http.Client
}

// newInspector configures the scope to begin with. Without one it asks for all
// that the metadata names, and has no need to step up.
func newInspector(t *testing.T, w *world) *inspector {
	t.Helper()
	i := &inspector{w: w, home: t.TempDir(), callback: "http://" + freeAddress(t) + "/oauth/callback", person: browser(t)}
	raw, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"billing": map[string]any{
		"type": "streamable-http", "url": w.endpoint, "protocolEra": "modern", "oauth": map[string]any{"scopes": readScope},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(i.configFile(), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *inspector) configFile() string { return filepath.Join(i.home, "servers.json") }

// freeAddress is one that nobody listens at now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// inspected is what the command prints, of what it may print.
type inspected struct {
	Tools   []struct{ Name string }
	Content []struct{ Text string }
	IsError bool
}

var authorizationURL = regexp.MustCompile(`http://\S+/auth\?\S+`)

// run makes one request, agrees to what the command asks, visits the pages that
// it names, and returns what it printed.
func (i *inspector) run(t *testing.T, args ...string) inspected {
	t.Helper()
	program := packages(t, "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
	cmd := node(t, append([]string{program, "--cli", "--config", i.configFile(), "--server", "billing", "--callback-url", i.callback}, args...)...)
	// It signs in without a terminal only if it may open a browser, and here is
	// none; nor is there a keyring.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + i.home, "MCP_AUTO_OPEN_ENABLED=true", "BROWSER=true", "MCP_INSPECTOR_SECRET_STORE=file"}
	cmd.Stdin = strings.NewReader("y\n")
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, nil
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	said := i.follow(t, stderr)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("inspector %v: %v\n%s\n%s\n%s", args, err, said, stdout.String(), i.w.wire)
	}
	var printed inspected
	if err := json.Unmarshal(stdout.Bytes(), &printed); err != nil {
		t.Fatalf("inspector %v printed %s", args, stdout.String())
	}
	return printed
}

// follow visits each authorization page that is named for the first time.
func (i *inspector) follow(t *testing.T, stderr io.Reader) string {
	t.Helper()
	var said strings.Builder
	visited := map[string]bool{}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if page := authorizationURL.FindString(lines.Text()); page != "" && !visited[page] {
			visited[page] = true
			visit(t, i.person, page)
		}
	}
	return said.String()
}

func (i *inspector) call(t *testing.T, tool string) {
	t.Helper()
	got := i.run(t, "--method", "tools/call", "--tool-name", tool, "--tool-arg", "invoiceId=INV-2041")
	if got.IsError || len(got.Content) != 1 || !strings.Contains(got.Content[0].Text, "/invoices/INV-2041") {
		t.Errorf("%s: %+v", tool, got)
	}
}

func TestInspectorCLI(t *testing.T) {
	w := newWorld(t, 1, config.Tokens{})
	i := newInspector(t, w)
	var names []string
	for _, tool := range i.run(t, "--method", "tools/list").Tools {
		names = append(names, tool.Name)
	}
	if diff := cmp.Diff([]string{"lookup_invoice", "void_invoice"}, names); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
	i.call(t, "lookup_invoice")
	i.call(t, "void_invoice")
	w.wantOnWire(t, w.story())
	w.wantInAudit(t, 1, auditOfTheStory())
	w.wantAtAPI(t)
	w.wantRevision(t, "2026-07-28")
}
