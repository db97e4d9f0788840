package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"time"
)

// NewTransport reaches every host below domain at address, as a DNS entry
// would, and no other host at all. Names in certificates are checked against
// the host that was asked for, and their issuer against roots alone.
func NewTransport(domain, address string, roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 30 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(target)
			if err != nil {
				return nil, err
			}
			if !strings.HasSuffix(host, "."+domain) {
				return nil, &net.DNSError{Err: "this client knows hosts below " + domain + " only", Name: host, IsNotFound: true}
			}
			return dialer.DialContext(ctx, network, net.JoinHostPort(address, port))
		},
	}
}
