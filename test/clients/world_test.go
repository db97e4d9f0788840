//go:build clients

package clients_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/runtimetest"
)

// patience bounds a whole client, sign-in included.
const patience = 3 * time.Minute

// world is what a client meets: an authorization server, the billing server, and
// its API.
type world struct {
	wire     *wire
	issuer   *relay
	mcp      *relay
	endpoint string
	api      *runtimetest.API
	replicas []*runtimetest.Runtime
}

// introspector is how the runtime authenticates at the introspection endpoint of
// an authorization server that gives out opaque tokens.
const (
	introspector       = "mcp-runtime"
	introspectorSecret = "only for tests"
)

func newWorld(t *testing.T, replicas int, tokens config.Tokens) *world {
	t.Helper()
	w := &world{wire: new(wire), api: runtimetest.NewAPI(t, nil)}
	w.issuer, w.mcp = newRelay(t, w.wire), newRelay(t, w.wire)
	w.endpoint = w.mcp.URL + "/billing"
	args := []string{w.issuer.URL}
	if tokens.Type == config.TokenOpaque {
		args = append(args, introspector, introspectorSecret)
	}
	w.issuer.serve(t, "127.0.0.1:"+startAuthorizationServer(t, args...))
	c := runtimetest.Billing(w.issuer.URL, w.api.URL)
	c.Resource, c.Audience, c.Tokens = w.endpoint, w.endpoint, tokens
	var addresses []string
	for range replicas {
		r := runtimetest.Start(t, c)
		w.replicas = append(w.replicas, r)
		addresses = append(addresses, r.Addr().String())
	}
	w.mcp.serve(t, addresses...)
	return w
}

// node returns a command that runs a script of this folder. What it says on
// standard error is shown with the test.
func node(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, packages := os.Getenv("CLIENTS_NODE"), os.Getenv("CLIENTS_PACKAGES")
	if program == "" || packages == "" {
		t.Fatal("CLIENTS_NODE and CLIENTS_PACKAGES are not set; run.sh installs both and sets them")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = packages
	cmd.Stderr = t.Output()
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// startAuthorizationServer returns its port. It ends with the test.
func startAuthorizationServer(t *testing.T, args ...string) string {
	t.Helper()
	cmd := node(t, append([]string{"authorization-server.mjs"}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the authorization server: %v", err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the authorization server says no port: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return strings.TrimSpace(line)
}

// browser is that of a person: it follows redirects and keeps cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: patience}
}

// visit opens a page as a person would. It must end at the client.
func visit(t *testing.T, b *http.Client, page string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.Do(req)
	if err != nil {
		t.Errorf("visiting the authorization server: %v", err)
		return
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("visiting the authorization server: %v, %s from %s: %s", err, resp.Status, resp.Request.URL.Path, text)
	}
}

// line is what a script tells.
type line struct {
	Saw     string
	Visit   string
	Tools   []string
	Tool    string
	Text    string
	IsError bool
}

// run runs a client script to its end, opens the pages that it asks for, and
// returns what it told.
func (w *world) run(t *testing.T, script string) []line {
	t.Helper()
	cmd := node(t, script, w.endpoint)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", script, err)
	}
	stop := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	var told []line
	person := browser(t)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Errorf("%s says %q", script, lines.Text())
			continue
		}
		if l.Visit != "" {
			visit(t, person, l.Visit)
			l.Visit = ""
		}
		told = append(told, l)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v; it told %+v\n%s", script, err, told, w.wire)
	}
	return told
}

// packages is a path in what npm has installed.
func packages(t *testing.T, elements ...string) string {
	t.Helper()
	return filepath.Join(append([]string{os.Getenv("CLIENTS_PACKAGES"), "node_modules"}, elements...)...)
}
