// Package runtimetest starts real runtimes in tests and speaks to them over
// HTTP, raw or through the MCP SDK.
package runtimetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
)

// WaitLimit bounds every wait for what happens elsewhere: it is for a machine that
// does much else.
const WaitLimit = time.Minute

// Runtime is a running runtime.
type Runtime struct {
	*app.Server

	t        testing.TB
	file     string
	resource *url.URL
	logs     *buffer
	// HTTP sends requests to the runtime whatever host their URL names.
	HTTP *http.Client
}

// Start starts a runtime with c and waits until it is ready. It stops when the
// test ends.
func Start(t testing.TB, c *config.RuntimeConfig, change ...func(*app.Options)) *Runtime {
	t.Helper()
	r := StartRaw(t, encode(t, c), change...)
	r.resource = parse(t, c.Resource)
	r.WaitRevision(config.Revision(encode(t, c)))
	return r
}

// StartRaw starts a runtime with the bytes of a configuration file, good or
// bad, and does not wait.
func StartRaw(t testing.TB, raw []byte, change ...func(*app.Options)) *Runtime {
	t.Helper()
	r := &Runtime{t: t, file: filepath.Join(t.TempDir(), "config.json"), logs: new(buffer)}
	writeFile(t, r.file, raw)
	o := app.Options{
		ConfigFile: r.file, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		Logger: slog.New(slog.NewJSONHandler(r.logs, nil)), Version: "test", DrainDelay: -1,
		StoreTimeout: WaitLimit,
	}
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := app.Start(ctx, o)
	if err != nil {
		cancel()
		t.Fatalf("starting the runtime: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := server.Wait(); err != nil {
			t.Errorf("stopping the runtime: %v", err)
		}
	})
	r.Server = server
	r.HTTP = &http.Client{Transport: redirectTo(server.Addr().String())}
	return r
}

// Attach returns a Runtime for a server that the test started itself. Its logs
// are not collected.
func Attach(t testing.TB, server *app.Server, resource string) *Runtime {
	t.Helper()
	return &Runtime{
		Server: server, t: t, logs: new(buffer), resource: parse(t, resource),
		HTTP: &http.Client{Transport: redirectTo(server.Addr().String())},
	}
}

// Logs returns what the runtime has logged so far.
func (r *Runtime) Logs() string { return r.logs.String() }

// Replace swaps the configuration file, as the kubelet does, and returns when
// it is enforced.
func (r *Runtime) Replace(c *config.RuntimeConfig) {
	r.t.Helper()
	raw := encode(r.t, c)
	r.ReplaceRaw(raw)
	r.WaitRevision(config.Revision(raw))
}

// ReplaceRaw swaps the configuration file and does not wait.
func (r *Runtime) ReplaceRaw(raw []byte) {
	r.t.Helper()
	next := r.file + ".next"
	writeFile(r.t, next, raw)
	if err := os.Rename(next, r.file); err != nil {
		r.t.Fatal(err)
	}
}

// WaitRevision returns when the runtime enforces the revision.
func (r *Runtime) WaitRevision(revision string) {
	r.t.Helper()
	r.WaitStatus("revision "+revision, func(s app.ConfigStatus) bool { return s.Revision == revision && s.Error == "" })
}

// WaitStatus returns when GET /configz answers what is wanted.
func (r *Runtime) WaitStatus(what string, ok func(app.ConfigStatus) bool) app.ConfigStatus {
	r.t.Helper()
	var last app.ConfigStatus
	Eventually(r.t, what, func() bool {
		last = r.Status()
		return ok(last)
	}, func() string { return r.Logs() })
	return last
}

// Status is the answer of GET /configz.
func (r *Runtime) Status() app.ConfigStatus {
	r.t.Helper()
	status, body := r.Admin("/configz")
	var s app.ConfigStatus
	if err := json.Unmarshal(body, &s); err != nil || status != http.StatusOK {
		r.t.Fatalf("GET /configz: status %d, body %q", status, body)
	}
	return s
}

// Admin gets a path of the admin listener.
func (r *Runtime) Admin(path string) (status int, body []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+r.AdminAddr().String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// Eventually polls until ok returns true, and fails the test with detail after
// WaitLimit.
func Eventually(t testing.TB, what string, ok func() bool, detail func() string) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	limit := time.NewTimer(WaitLimit)
	defer limit.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-limit.C:
			t.Fatalf("waited %s for %s\n%s", WaitLimit, what, detail())
		}
	}
}

// redirectTo sends every request to addr in plain HTTP and leaves its Host as
// the URL says.
func redirectTo(addr string) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		if req.Host == "" {
			req.Host = req.URL.Host
		}
		req.URL.Scheme, req.URL.Host = "http", addr
		return http.DefaultTransport.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func encode(t testing.TB, c *config.RuntimeConfig) []byte {
	t.Helper()
	raw, err := config.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func parse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func writeFile(t testing.TB, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// buffer is a bytes.Buffer that many may write to.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
