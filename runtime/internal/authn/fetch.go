package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	fetchTimeout  = 5 * time.Second
	maxFetchBytes = 512 << 10
)

// NewClient returns the HTTP client for an issuer's documents: bounded in time,
// no redirects, and with caBundle (PEM) in place of the system's certificate
// authorities unless that is empty.
func NewClient(caBundle []byte) (*http.Client, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(caBundle) > 0 {
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(caBundle) {
			return nil, errors.New("the CA bundle has no PEM certificate")
		}
	}
	return &http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: fetchTimeout}).DialContext,
			TLSClientConfig:     tlsConfig,
			TLSHandshakeTimeout: fetchTimeout,
			ForceAttemptHTTP2:   true,
			// A connection over which nothing comes is asked whether it lives: it has all
			// requests, and TCP would keep it for a quarter of an hour.
			HTTP2:           &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
			MaxIdleConns:    4,
			IdleConnTimeout: 30 * time.Second,
		},
		// Keys come from where the metadata says and from nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// fetchJSON reads a JSON document of at most 512 KiB.
func fetchJSON(ctx context.Context, client *http.Client, rawURL string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: HTTP status %d, want 200", rawURL, resp.StatusCode)
	}
	if mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); strings.HasPrefix(mediaType, "text/html") {
		return nil, fmt.Errorf("GET %s: an HTML page, want JSON", rawURL)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFetchBytes+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", rawURL, err)
	}
	if len(body) > maxFetchBytes {
		return nil, fmt.Errorf("GET %s: more than %d bytes", rawURL, maxFetchBytes)
	}
	if !json.Valid(body) {
		return nil, fmt.Errorf("GET %s: not JSON", rawURL)
	}
	return body, nil
}
