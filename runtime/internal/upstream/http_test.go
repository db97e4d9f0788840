package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/deadlink"
)

type nobody struct{}

func (nobody) UpstreamAnswered(string, string, time.Duration) {}

// HTTP/2 sends everything over one connection. One that the network has dropped
// without a word must not be kept until TCP gives it up, a quarter of an hour later.
func TestAnUpstreamIsReachedAgainAfterAConnectionToItHasDied(t *testing.T) {
	t.Parallel()
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
	}))
	api.EnableHTTP2 = true
	api.StartTLS()
	t.Cleanup(api.Close)
	link := deadlink.New(t, api.Listener.Addr().String())
	h, err := NewHTTP(config.Upstream{Name: "api", HTTP: &config.HTTPUpstream{URL: "https://" + link.Addr}, TimeoutSeconds: 2}, 1<<10, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	roots := x509.NewCertPool()
	roots.AddCert(api.Certificate())
	h.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	ask := func() error {
		resp, err := h.Do(t.Context(), Request{Method: http.MethodGet, Path: "/"})
		if err == nil && resp.Status != http.StatusOK {
			t.Fatalf("status %d", resp.Status)
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	link.Cut()
	for deadline := time.Now().Add(time.Minute); ask() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("a minute later it is still not reached")
		}
	}
}
