package authn

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/deadlink"
)

// HTTP/2 sends everything over one connection. One that the network has dropped
// without a word must not be kept until TCP gives it up, a quarter of an hour later.
func TestAnIssuerIsReachedAgainAfterAConnectionToItHasDied(t *testing.T) {
	t.Parallel()
	issuer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	issuer.EnableHTTP2 = true
	issuer.StartTLS()
	t.Cleanup(issuer.Close)
	link := deadlink.New(t, issuer.Listener.Addr().String())
	client, err := NewClient(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate().Raw}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	if _, err := fetchJSON(t.Context(), client, "https://"+link.Addr); err != nil {
		t.Fatal(err)
	}
	link.Cut()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err = fetchJSON(t.Context(), client, "https://"+link.Addr); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute later: %v", err)
		}
	}
}
