package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// Who sends all but the last byte has the server hold what came. One caller can do
// that with a quarter of the memory for bodies, and the others do not notice.
func TestLargeBodiesShareMemory(t *testing.T) {
	f := startWith(t, func(*config.RuntimeConfig) {})
	one := f.token("invoices:write")
	other := f.issuer.Token(oauthtest.Claims{"scope": "invoices:write", "sub": "another"})
	large := func(token string) int {
		return f.Do(runtimetest.Call(token, "void_invoice", map[string]any{"invoiceId": "1", "reason": strings.Repeat("a", 1_000_000)})).Status
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := make(chan *runtimetest.Response)
	for range 3 { // of a mebibyte each, where two are a share
		go func() {
			if resp := f.withhold(ctx, one); resp != nil {
				refused <- resp
			}
		}()
	}
	resp := <-refused
	if resp.Status != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("beyond the share: status %d, Retry-After %q; want 429, 1", resp.Status, resp.Header.Get("Retry-After"))
	}
	if got := large(other); got != http.StatusOK {
		t.Errorf("another caller: status %d, want 200", got)
	}
	if got := f.Do(runtimetest.Request{Token: one}).Status; got != http.StatusOK {
		t.Errorf("a small body of the same caller: status %d, want 200", got)
	}

	cancel()
	runtimetest.Eventually(t, "the memory to be given back", func() bool { return large(one) == http.StatusOK }, f.Logs)
}

// withhold sends all but the last byte of a request and returns its answer, nil if
// the context ends before one comes.
func (f fixture) withhold(ctx context.Context, token string) *runtimetest.Response {
	body := io.MultiReader(strings.NewReader(strings.Repeat(" ", config.DefaultRequestBytes-1)), until{ctx})
	req := f.NewRequest(runtimetest.Request{Token: token}).WithContext(ctx)
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(body), config.DefaultRequestBytes, nil
	resp, err := f.HTTP.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	return &runtimetest.Response{Status: resp.StatusCode, Header: resp.Header}
}

// until is a body that sends nothing until the context ends.
type until struct{ ctx context.Context }

func (u until) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, io.EOF
}

// Who has a tool that takes long holds a place for each call of it.
func TestOneCallerLeavesPlacesToOthers(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	api := runtimetest.NewAPI(t, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	})
	f := startWith(t, func(c *config.RuntimeConfig) { c.Limits.ConcurrentRequests, c.Upstreams[0].HTTP.URL = 4, api.URL })
	one, other := f.token("invoices:read"), f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "another"})
	done := make(chan int)
	for range 3 {
		go func() { done <- f.lookup(one).Status }()
		<-entered
	}
	resp := f.Do(runtimetest.Request{Token: one})
	if resp.Status != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("beyond the share: status %d, Retry-After %q; want 429, 1", resp.Status, resp.Header.Get("Retry-After"))
	}
	if got := f.status(other); got != http.StatusOK {
		t.Errorf("another caller: status %d, want 200", got)
	}
	close(release)
	for range 3 {
		if got := <-done; got != http.StatusOK {
			t.Errorf("a call: status %d, want 200", got)
		}
	}
	if got := f.status(one); got != http.StatusOK {
		t.Errorf("after them: status %d, want 200", got)
	}
}

// A large answer takes its size several times until the client has it. Those who come
// for more meanwhile wait, the others do not.
func TestLargeAnswersShareMemory(t *testing.T) {
	large := `{"a":"` + strings.Repeat("a", 3<<20) + `"}`
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, large)
	})
	f := startWith(t, func(c *config.RuntimeConfig) { c.Upstreams[0].HTTP.URL = api.URL })
	one, other := f.token("invoices:read"), f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "another"})

	conn := f.dial(t)
	must(t, conn.(*net.TCPConn).SetReadBuffer(64<<10))
	must(t, f.NewRequest(runtimetest.Call(one, "lookup_invoice", map[string]any{"invoiceId": "1"})).Write(conn))
	_, err := conn.Read(make([]byte, 1)) // the answer has begun, and goes no further
	must(t, err)

	waits := make(chan int, 1)
	go func() { waits <- f.lookup(one).Status }()
	runtimetest.Eventually(t, "the second call", func() bool { return len(api.Requests()) == 2 }, f.Logs)
	if got := f.lookup(other); got.Status != http.StatusOK || len(got.Body) < len(large) {
		t.Errorf("another caller: status %d, %d bytes; want 200 and the whole", got.Status, len(got.Body))
	}
	select {
	case <-waits:
		t.Error("one caller has the memory of two large answers")
	default:
	}
	must(t, conn.Close())
	if got := <-waits; got != http.StatusOK {
		t.Errorf("the second call: status %d, want 200", got)
	}
}

// The calls of a batch run at once, and their answers do not say how large they are. They
// have as much as one answer may have.
func TestABatchHasLargeAnswers(t *testing.T) {
	large := `{"a":"` + strings.Repeat("a", 1<<20) + `"}`
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, large[:400<<10])
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, large[400<<10:])
	})
	f := startWith(t, func(c *config.RuntimeConfig) { c.Upstreams[0].HTTP.URL = api.URL })
	for calls, errors := range map[int]int{3: 0, 5: 2} {
		all := make([]string, calls)
		for i := range all {
			all[i] = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}}`, i+1)
		}
		resp := f.Do(runtimetest.Request{Token: f.token("invoices:read"), Version: "2025-03-26", Body: "[" + strings.Join(all, ",") + "]"})
		if n := strings.Count(string(resp.Body), `"isError":true`); resp.Status != http.StatusOK || n != errors || len(resp.Body) < 3*len(large) {
			t.Errorf("%d calls: status %d, %d bytes, %d errors, want %d", calls, resp.Status, len(resp.Body), n, errors)
		}
	}
}

func TestASubscriptionHoldsNoLargeBody(t *testing.T) {
	f := start(t)
	q := subscription()
	q.Token = f.token("invoices:read")
	q.Meta = map[string]any{"x": strings.Repeat("a", 16<<10)}
	if resp := f.Do(q); resp.Status != http.StatusBadRequest || resp.ErrorCode() != jsonrpc.CodeInvalidParams {
		t.Errorf("status %d: %.100s; want 400 and %d", resp.Status, resp.Body, jsonrpc.CodeInvalidParams)
	}
}
