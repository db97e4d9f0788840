package issuerprobe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	// timeout bounds one request, as in the runtime; timeoutInAll the whole question.
	timeout      = 5 * time.Second
	timeoutInAll = 10 * time.Second
	// maxBytes bounds one document, as in the runtime: what the pods take must not be
	// called missing here.
	maxBytes = 512 << 10
	// maxHeaderBytes bounds what comes before it.
	maxHeaderBytes = 64 << 10
)

// Client asks issuers.
type Client struct{ dial Dial }

// NewClient returns a Client that connects with dial; see Guarded.
func NewClient(dial Dial) *Client { return &Client{dial} }

// Question is what to ask, and whom.
type Question struct {
	// Issuer is spec.issuer.
	Issuer string
	// KeysURL is spec.tokens.jwksURI: where the keys are if the metadata does not
	// count.
	KeysURL string
	// Opaque is set for tokens that are introspected, which need no keys.
	Opaque bool
	// CABundle has the certificate authorities that are trusted, in PEM, in place of
	// the system's. Nil is the system's.
	CABundle []byte
}

// Ask asks for metadata and keys as a pod would, and judges them.
func (c *Client) Ask(ctx context.Context, q Question) Answer {
	ctx, cancel := context.WithTimeout(ctx, timeoutInAll)
	defer cancel()
	client, f := c.trusting(q.CABundle)
	if f != nil {
		return f.answer()
	}
	defer client.CloseIdleConnections()
	md, f := discover(ctx, client, q)
	if f == nil && !q.Opaque {
		f = fetchKeys(ctx, client, q, md)
	}
	if f == nil {
		f = checkPKCE(md)
	}
	if f != nil {
		return f.answer()
	}
	return Answer{Reason: v1alpha1.ReasonIssuerDiscovered, advertised: md.advertised()}
}

// trusting returns a client without proxies, which would resolve names where
// nobody guards, and without redirects: an issuer speaks for itself only.
func (c *Client) trusting(caBundle []byte) (*http.Client, *fault) {
	verify := &tls.Config{MinVersion: tls.VersionTLS12}
	if caBundle != nil {
		verify.RootCAs = x509.NewCertPool()
		if !verify.RootCAs.AppendCertsFromPEM(caBundle) {
			return nil, &fault{reason: v1alpha1.ReasonCABundleInvalid, message: "what spec.tokens.caBundleRef leads to has no PEM certificate"}
		}
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:            c.dial,
			TLSClientConfig:        verify,
			TLSHandshakeTimeout:    timeout,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// target is a document and how to speak of it.
type target struct {
	url string
	// name is what messages call it: its URL, if that is not the issuer's own text.
	name string
	// missing is the reason when it is not there.
	missing string
}

func (t *target) lacks(format string, args ...any) *fault {
	return &fault{reason: t.missing, message: "GET " + t.name + fmt.Sprintf(format, args...)}
}

// fetch reads a JSON document.
func fetch(ctx context.Context, client *http.Client, t *target) ([]byte, *fault) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
	if err != nil {
		return nil, t.lacks(": not a URL")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "securedmcp-operator")
	resp, err := client.Do(req)
	if err != nil {
		return nil, t.unanswered(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, t.lacks(" answers %d, want 200", resp.StatusCode)
	}
	if mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); strings.HasPrefix(mediaType, "text/html") {
		return nil, t.lacks(" answers with an HTML page, want JSON")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return nil, t.unanswered(err)
	}
	if len(body) > maxBytes {
		return nil, t.lacks(" answers with more than %d bytes", maxBytes)
	}
	if !json.Valid(body) {
		return nil, t.lacks(" does not answer with JSON")
	}
	return body, nil
}
