package conformance_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// No check from outside can see this: the upstream of the tool can.
func TestClosingTheConnectionCancelsTheCall(t *testing.T) {
	entered, cancelled := make(chan struct{}), make(chan struct{})
	api := runtimetest.NewAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		select {
		case <-r.Context().Done():
			close(cancelled)
		case <-time.After(2 * runtimetest.WaitLimit):
		}
	})
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	r := runtimetest.Start(t, runtimetest.Billing(issuer.Issuer(), api.URL))
	ctx, leave := context.WithCancel(t.Context())
	call := runtimetest.Call(issuer.Token(oauthtest.Claims{"scope": "invoices:read"}), "lookup_invoice", map[string]any{"invoiceId": "INV-1"})
	go func() {
		resp, err := r.HTTP.Do(r.NewRequest(call).WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
	}()
	<-entered
	leave()
	select {
	case <-cancelled:
	case <-time.After(runtimetest.WaitLimit):
		t.Error("the upstream still works for a caller that has left")
	}
}
