package app_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

func mustEncode(t *testing.T, c *config.RuntimeConfig) []byte {
	t.Helper()
	raw, err := config.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func writeTemp(t *testing.T, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAScopeChangeHoldsForTokensThatAreRemembered(t *testing.T) {
	f := start(t)
	call := runtimetest.Call(f.token("invoices:write"), "void_invoice", map[string]any{"invoiceId": "1"})
	if resp := f.Do(call); resp.Status != http.StatusOK {
		t.Fatalf("status %d, want 200", resp.Status)
	}
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Scopes = append(c.Scopes, config.Scope{Name: "invoices:void"})
	c.Tools[1].Scopes = []string{"invoices:void"}
	f.Replace(c)
	resp := f.Do(call)
	if resp.Status != http.StatusForbidden || resp.Challenge()["scope"] != "invoices:read invoices:void" {
		t.Errorf("status %d, challenge %v", resp.Status, resp.Challenge())
	}
}

func TestABadConfigurationChangesNothingButTheStatus(t *testing.T) {
	f := start(t)
	good := f.Status().Revision
	token := f.token("invoices:read")
	broken := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	broken.Tools[0].Scopes = []string{"invoices:raed"}
	unknownIssuer := runtimetest.Billing("http://127.0.0.1:1", f.api.URL)
	noBuiltin := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	noBuiltin.Tools[0].Upstream, noBuiltin.Tools[0].HTTP = config.UpstreamBuiltin, nil
	noHeader := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	noHeader.Tools[0].InputSchema = json.RawMessage(`{"type":"object","properties":{"invoiceId":{"type":"string","x-mcp-header":"invoice id"}},"required":["invoiceId"]}`)
	for name, tc := range map[string]struct {
		raw  []byte
		want string
	}{
		"a header with a space":       {mustEncode(t, noHeader), "tools[0].inputSchema.properties.invoiceId.x-mcp-header: x-mcp-header at invoiceId"},
		"no JSON":                     {[]byte("{"), "decoding RuntimeConfig"},
		"a member that is not known":  {[]byte(`{"apiVersion":"` + config.APIVersion + `","kind":"RuntimeConfig","scopez":[]}`), `unknown field "scopez"`},
		"another version":             {[]byte(`{"apiVersion":"config.securedmcp.dev/v2","kind":"RuntimeConfig"}`), "want \"config.securedmcp.dev/v1alpha1\""},
		"a scope that is not known":   {mustEncode(t, broken), "tools[0].scopes[0]"},
		"an issuer that is away":      {mustEncode(t, unknownIssuer), "discovering issuer http://127.0.0.1:1"},
		"a builtin that is not there": {mustEncode(t, noBuiltin), "this runtime image has no such tool"},
		"nothing":                     {nil, "decoding RuntimeConfig"},
	} {
		t.Run(name, func(t *testing.T) {
			f.ReplaceRaw(tc.raw)
			s := f.WaitStatus("the error "+tc.want, func(s app.ConfigStatus) bool { return strings.Contains(s.Error, tc.want) })
			if s.Revision != good {
				t.Errorf("revision %s, want the last good one, %s", s.Revision, good)
			}
			if got := f.status(token); got != http.StatusOK {
				t.Errorf("status %d, want 200 as before", got)
			}
			if status, _ := f.Admin("/readyz"); status != http.StatusOK {
				t.Errorf("/readyz %d, want 200", status)
			}
		})
	}
	f.Replace(runtimetest.Billing(f.issuer.Issuer(), f.api.URL))
}

func TestAMountedConfigMapIsFollowed(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	// What the kubelet does: files are links into ..data, which is a link that
	// is replaced by renaming another one over it.
	dir := t.TempDir()
	publish := func(version string, c *config.RuntimeConfig) {
		t.Helper()
		must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, version, "config.json"), mustEncode(t, c), 0o600))
		must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	publish("..1", c)
	must(t, os.Symlink("..data/config.json", filepath.Join(dir, "config.json")))
	r := runtimetest.Start(t, c, func(o *app.Options) { o.ConfigFile = filepath.Join(dir, "config.json") })
	c.Title = "Changed"
	publish("..2", c)
	r.WaitRevision(config.Revision(mustEncode(t, c)))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestScopeChangesUnderLoadFailNoRequest(t *testing.T) {
	f := start(t)
	token := f.token("invoices:write")
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan int, 1)
	go func() {
		defer close(failed)
		for ctx.Err() == nil {
			if resp := f.Do(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "1"})); resp.Status != http.StatusOK {
				failed <- resp.Status
				return
			}
		}
	}()
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	for i := range 20 {
		c.Title = strings.Repeat("x", i+1)
		f.Replace(c)
	}
	cancel()
	if status, ok := <-failed; ok {
		t.Errorf("a request was answered %d", status)
	}
}

func TestStoppingLetsRequestsEnd(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("done"))
	})
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	raw := mustEncode(t, runtimetest.Billing(issuer.Issuer(), api.URL))
	ctx, stop := context.WithCancel(t.Context())
	server, err := app.Start(ctx, app.Options{ConfigFile: writeTemp(t, raw), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", DrainDelay: -1, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	r := runtimetest.Attach(t, server, runtimetest.Resource)
	r.WaitRevision(config.Revision(raw))
	answered := make(chan *runtimetest.Response)
	go func() {
		answered <- r.Do(runtimetest.Call(issuer.Token(oauthtest.Claims{"scope": "invoices:read"}), "lookup_invoice", map[string]any{"invoiceId": "1"}))
	}()
	<-entered
	stop()
	runtimetest.Eventually(t, "readiness to go", func() bool {
		status, _ := r.Admin("/readyz")
		return status == http.StatusServiceUnavailable
	}, r.Logs)
	close(release)
	if text, _ := (<-answered).Text(); text != "done" {
		t.Errorf("the answer was %q", text)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// Who keeps a connection is led to another pod before this one stops: a connection
// that is closed only then may have a request on its way.
func TestConnectionsEndWithAnAnswerWhileTheRuntimeDrains(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	raw := mustEncode(t, runtimetest.Billing(issuer.Issuer(), runtimetest.NewAPI(t, nil).URL))
	ctx, stop := context.WithCancel(t.Context())
	server, err := app.Start(ctx, app.Options{ConfigFile: writeTemp(t, raw), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", DrainDelay: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	r := runtimetest.Attach(t, server, runtimetest.Resource)
	r.WaitRevision(config.Revision(raw))
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	answers := map[string]struct {
		method, host, path string
		status             int
	}{
		"metadata":    {http.MethodGet, "mcp.example.com", "/.well-known/oauth-protected-resource/billing", http.StatusOK},
		"a challenge": {http.MethodPost, "mcp.example.com", "/billing", http.StatusUnauthorized},
		"a refusal":   {http.MethodPost, "other.example.com", "/billing", http.StatusForbidden},
	}
	closes := func(name string) bool {
		want := answers[name]
		req, err := http.NewRequestWithContext(t.Context(), want.method, "http://"+server.Addr().String()+want.path, http.NoBody)
		must(t, err)
		req.Host = want.host
		resp, err := transport.RoundTrip(req)
		must(t, err)
		defer resp.Body.Close()
		if resp.StatusCode != want.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, want.status)
		}
		return resp.Close
	}
	for name := range answers {
		if closes(name) {
			t.Errorf("a connection ends with %s though the runtime does not drain", name)
		}
	}
	stop()
	for name := range answers {
		runtimetest.Eventually(t, "connections to end with "+name, func() bool { return closes(name) }, r.Logs)
	}
	stream := subscription() // for whose connection the SDK has a header of its own
	stream.Token = issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
	req := r.NewRequest(stream)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	resp, err := r.HTTP.Do(req.WithContext(ctx))
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("an event stream: status %d, Connection: close %v; want 200, true", resp.StatusCode, resp.Close)
	}
}

// An empty bundle of certificates must not mean those of the system.
func TestAnEmptyFileIsRefused(t *testing.T) {
	for name, refer := range map[string]func(c *config.RuntimeConfig, file string){
		"the issuer's certificates": func(c *config.RuntimeConfig, file string) { c.Tokens.CABundleFile = file },
		"the client secret": func(c *config.RuntimeConfig, file string) {
			c.Tokens = config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: "mcp", ClientSecretFile: file}}
		},
		"the store's password": func(c *config.RuntimeConfig, file string) {
			c.RateLimit = &config.RateLimit{Requests: 1, Redis: &config.Redis{Address: "127.0.0.1:1", PasswordFile: file}}
		},
		"the store's certificates": func(c *config.RuntimeConfig, file string) {
			c.RateLimit = &config.RateLimit{Requests: 1, Redis: &config.Redis{Address: "127.0.0.1:1", TLS: true, CABundleFile: file}}
		},
	} {
		f := start(t)
		c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
		refer(c, writeTemp(t, []byte("\n")))
		f.ReplaceRaw(mustEncode(t, c))
		f.WaitStatus(name+" to be refused", func(s app.ConfigStatus) bool { return strings.Contains(s.Error, "is empty") })
		if got := f.status(f.token("invoices:read")); got != http.StatusOK {
			t.Errorf("%s: status %d by the old configuration, want 200", name, got)
		}
	}
}
