package contract

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/certtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// workloadFields are those of pods that show in answers and logs.
var workloadFields = map[string]func(*testing.T){
	"workload.logLevel": func(t *testing.T) {
		s, log := logging(t, `{logLevel: Error}`)
		if got := s.status("garbage"); got != http.StatusUnauthorized || !strings.Contains(log.String(), `"decision":"denied"`) {
			t.Errorf("status %d; want the audit to say so at any level: %s", got, log)
		}
		if strings.Contains(log.String(), "configuration enforced") {
			t.Errorf("logged at level Error: %s", log)
		}
		_, log = logging(t, `{}`)
		runtimetest.Eventually(t, "the default, Info", func() bool { return strings.Contains(log.String(), "configuration enforced") }, log.String)
	},
	"exposure.tls.secretName": func(t *testing.T) {
		cert, key := certtest.New(t, "mcp.example.com", "127.0.0.1")
		s := withTLS(t, `{secretName: pod-tls}`, cert, key)
		resp, err := s.get(cert, 0)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
			t.Errorf("metadata: status %d over %s, want 200 over HTTP/2", resp.StatusCode, resp.Proto)
		}
		other, _ := certtest.New(t, "mcp.example.com", "127.0.0.1")
		if _, err := s.get(other, 0); err == nil {
			t.Error("another certificate than the Secret's is served")
		}
	},
	"exposure.tls.minVersion": func(t *testing.T) {
		for spec, want := range map[string]bool{`{secretName: pod-tls}`: true, `{secretName: pod-tls, minVersion: TLSv1.3}`: false} {
			cert, key := certtest.New(t, "mcp.example.com", "127.0.0.1")
			s := withTLS(t, spec, cert, key)
			if _, err := s.get(cert, tls.VersionTLS12); (err == nil) != want {
				t.Errorf("%s: TLS 1.2 is spoken: %v (%v), want %v", spec, err == nil, err, want)
			}
			if _, err := s.get(cert, tls.VersionTLS13); err != nil {
				t.Errorf("%s: TLS 1.3: %v", spec, err)
			}
		}
	},
}

// logging is a server whose log is as the runtime command writes it.
func logging(t *testing.T, workload string) (server, *transcript) {
	t.Helper()
	log, level := new(transcript), new(slog.LevelVar)
	c := cluster{options: func(o *app.Options) {
		o.Logger, o.Level = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})), level
	}}
	return c.apply(t, patch(t, `workload: `+workload)), log
}

// transcript is a bytes.Buffer that many may write to.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func withTLS(t *testing.T, spec string, cert, key []byte) server {
	t.Helper()
	c := cluster{objects: map[string][]byte{"pod-tls/tls.crt": cert, "pod-tls/tls.key": key}}
	return c.apply(t, patch(t, `exposure: {tls: `+spec+`}`))
}

// get asks for the metadata over TLS, trusting cert alone, with no newer version
// than max, 0 for the newest.
func (s server) get(cert []byte, maxVersion uint16) (*http.Response, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MaxVersion: maxVersion},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr().String())
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://mcp.example.com/.well-known/oauth-protected-resource/billing", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := transport.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}
