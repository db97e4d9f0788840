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
	"net/url"
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
			MaxIdleConns:        4,
			IdleConnTimeout:     30 * time.Second,
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

// metadata is what the runtime needs of RFC 8414 metadata.
type metadata struct {
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
}

// discover returns the metadata of issuer from the first well-known place that
// has it: RFC 8414, OpenID Connect with the path inserted, and OpenID Connect
// Discovery 1.0 with the path in front.
func discover(ctx context.Context, client *http.Client, issuer string) (*metadata, error) {
	urls, err := metadataURLs(issuer)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, u := range urls {
		md, err := fetchMetadata(ctx, client, u, issuer)
		if err == nil {
			return md, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("discovering issuer %s: %w", issuer, errors.Join(errs...))
}

func metadataURLs(issuer string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer is not a URL: %w", err)
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	urls := []string{
		origin + "/.well-known/oauth-authorization-server" + path,
		origin + "/.well-known/openid-configuration" + path,
	}
	if path != "" {
		urls = append(urls, origin+path+"/.well-known/openid-configuration")
	}
	return urls, nil
}

func fetchMetadata(ctx context.Context, client *http.Client, rawURL, issuer string) (*metadata, error) {
	body, err := fetchJSON(ctx, client, rawURL)
	if err != nil {
		return nil, err
	}
	var md metadata
	if err := json.Unmarshal(body, &md); err != nil {
		return nil, fmt.Errorf("GET %s: not authorization server metadata", rawURL)
	}
	// RFC 8414 section 3.3: identical, or the document must not be used.
	if md.Issuer != issuer {
		return nil, fmt.Errorf("GET %s: the metadata names issuer %q, want %q", rawURL, md.Issuer, issuer)
	}
	if err := checkKeysURL(md.JWKSURI, issuer); err != nil {
		return nil, fmt.Errorf("GET %s: %w", rawURL, err)
	}
	return &md, nil
}

// checkKeysURL wants https unless the issuer itself is http, which Validate
// allows on loopback hosts only.
func checkKeysURL(s, issuer string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return fmt.Errorf("jwks_uri %q is not an absolute URL", s)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !strings.HasPrefix(issuer, "http://")) {
		return fmt.Errorf("jwks_uri %q: want https", s)
	}
	return nil
}
