package app_test

import (
	"context"
	"io"
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
	refused := make(chan *http.Response)
	for range 3 { // of a mebibyte each, where two are a share
		go func() {
			if resp := f.withhold(ctx, one); resp != nil {
				refused <- resp
			}
		}()
	}
	resp := <-refused
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("beyond the share: status %d, Retry-After %q; want 503, 1", resp.StatusCode, resp.Header.Get("Retry-After"))
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
func (f fixture) withhold(ctx context.Context, token string) *http.Response {
	body := io.MultiReader(strings.NewReader(strings.Repeat(" ", config.DefaultRequestBytes-1)), until{ctx})
	req := f.NewRequest(runtimetest.Request{Token: token}).WithContext(ctx)
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(body), config.DefaultRequestBytes, nil
	resp, err := f.HTTP.Do(req)
	if err != nil {
		return nil
	}
	return resp
}

// until is a body that sends nothing until the context ends.
type until struct{ ctx context.Context }

func (u until) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, io.EOF
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
