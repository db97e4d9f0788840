package app_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// listen opens a subscriptions/listen stream.
func (f fixture) listen(t *testing.T, token string) (opened chan struct{}, ended chan string) {
	t.Helper()
	q := subscription()
	q.Token = token
	return f.stream(t, q)
}

// stream sends a request that is answered by an event stream, and returns what
// comes over it once it has ended.
func (f fixture) stream(t *testing.T, q runtimetest.Request) (opened chan struct{}, ended chan string) {
	t.Helper()
	req := f.NewRequest(q)
	opened, ended = make(chan struct{}), make(chan string, 1)
	ctx, cancel := context.WithTimeout(t.Context(), runtimetest.WaitLimit)
	t.Cleanup(cancel)
	go func() {
		defer close(ended)
		resp, err := f.HTTP.Do(req.WithContext(ctx))
		if err != nil {
			ended <- err.Error()
			return
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("X-Accel-Buffering"); got != "no" || resp.StatusCode != http.StatusOK {
			ended <- "status " + resp.Status + ", X-Accel-Buffering " + got
			return
		}
		first := make([]byte, 1)
		if _, err := resp.Body.Read(first); err != nil {
			ended <- err.Error()
			return
		}
		close(opened)
		rest, err := io.ReadAll(resp.Body)
		if err != nil {
			rest = append(rest, err.Error()...)
		}
		ended <- string(first) + string(rest)
	}()
	return opened, ended
}

func waitOpen(t *testing.T, opened chan struct{}, ended chan string) {
	t.Helper()
	select {
	case <-opened:
	case text := <-ended:
		t.Fatalf("the stream did not open: %s", text)
	}
}

const listChanged = "notifications/tools/list_changed"

func TestAStreamEndsWithItsToken(t *testing.T) {
	zero := 0
	f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.ClockSkewSeconds = &zero })
	opened, ended := f.listen(t, f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "exp": time.Now().Add(lifetime)}))
	waitOpen(t, opened, ended)
	text := <-ended
	if strings.Contains(text, context.DeadlineExceeded.Error()) || strings.Contains(text, listChanged) {
		t.Errorf("the stream ended with %s", text)
	}
}

func TestAStreamIsToldThatTheToolsChangedAndEnds(t *testing.T) {
	f := start(t)
	opened, ended := f.listen(t, f.token("invoices:read"))
	waitOpen(t, opened, ended)
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Tools = c.Tools[:1]
	f.Replace(c)
	if text := <-ended; !strings.Contains(text, listChanged) {
		t.Errorf("the stream ended with %s", text)
	}
}

func TestAStreamEndsWhenThePolicyChanges(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	opened, ended := f.listen(t, token)
	waitOpen(t, opened, ended)
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Revocation.Subjects = []string{oauthtest.DefaultSubject}
	f.Replace(c)
	if text := <-ended; strings.Contains(text, listChanged) {
		t.Errorf("the tools have not changed, and yet: %s", text)
	}
	if got := f.status(token); got != http.StatusUnauthorized {
		t.Errorf("the client comes back: status %d, want 401", got)
	}
}

func TestTheFirstToolsOfAServerAreTold(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Tools = nil })
	opened, ended := f.listen(t, f.token("invoices:read"))
	waitOpen(t, opened, ended)
	f.Replace(runtimetest.Billing(f.issuer.Issuer(), f.api.URL))
	if text := <-ended; !strings.Contains(text, listChanged) {
		t.Errorf("the stream was not told of the tools: %s", text)
	}
}

func TestStoppingEndsStreams(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	raw := mustEncode(t, runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := runtimetest.StartRaw(t, raw, func(*app.Options) {})
	r.WaitRevision(config.Revision(raw))
	server, err := app.Start(ctx, app.Options{
		ConfigFile: writeTemp(t, raw), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", DrainDelay: -1,
		DrainTimeout: time.Hour, // stopping does not wait for the client to leave
	})
	must(t, err)
	f := fixture{Runtime: runtimetest.Attach(t, server, runtimetest.Resource), issuer: issuer}
	f.WaitRevision(config.Revision(raw))
	opened, ended := f.listen(t, f.token("invoices:read"))
	waitOpen(t, opened, ended)
	stop()
	must(t, server.Wait())
	wantEnded(t, "the stream", ended)
}

func TestStreamsAreBoundedApartFromRequests(t *testing.T) {
	const ofCaller = 32
	f := startWith(t, func(c *config.RuntimeConfig) { c.Limits.ConcurrentRequests = 1 })
	token := f.token("invoices:read")
	for range ofCaller {
		opened, ended := f.listen(t, token)
		waitOpen(t, opened, ended)
	}
	resp := f.Do(runtimetest.Request{
		Token: token, Method: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"toolsListChanged": true}},
	})
	if resp.Status != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a stream too many: status %d, Retry-After %q; want 429", resp.Status, resp.Header.Get("Retry-After"))
	}
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("a request beside the streams: status %d, want 200", got)
	}
	opened, ended := f.listen(t, f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "somebody else"}))
	waitOpen(t, opened, ended)
}

func TestOlderClientsHaveNoStreams(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	listen := map[string]any{"notifications": map[string]any{"toolsListChanged": true}}
	for name, q := range map[string]runtimetest.Request{
		"2025-11-25":            {Version: "2025-11-25", Method: "subscriptions/listen", Params: listen},
		"2025-06-18":            {Version: "2025-06-18", Method: "subscriptions/listen", Params: listen},
		"a batch of 2025-03-26": {Version: "2025-03-26", Body: `[{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}]`},
	} {
		q.Token = token
		if resp := f.Do(q); !strings.Contains(string(resp.Body), "-32601") { // the answer ends, and says so
			t.Errorf("%s: status %d, body %s; want code -32601", name, resp.Status, resp.Body)
		}
	}
}
