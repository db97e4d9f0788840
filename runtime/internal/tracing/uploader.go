package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	tracesPath = "/v1/traces"
	// retryAfter is when a receiver that is overloaded is tried once more, unless
	// it says when itself, and maxRetryAfter the most that is waited for it.
	retryAfter    = time.Second
	maxRetryAfter = 3 * time.Second
	maxAnswer     = 64 << 10
)

// uploader posts spans to an OTLP/HTTP receiver (OTLP 1.x, binary protobuf). The
// exporter's own client would link gRPC into the runtime and take settings from
// the environment.
type uploader struct {
	url     string
	headers map[string]string
	client  *http.Client
}

func newUploader(endpoint string, headers map[string]string) *uploader {
	return &uploader{
		url: strings.TrimSuffix(endpoint, "/") + tracesPath, headers: headers,
		client: &http.Client{
			Timeout: exportTimeout,
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: exportTimeout}).DialContext,
				TLSHandshakeTimeout: exportTimeout,
				ForceAttemptHTTP2:   true,
				MaxIdleConns:        1,
				IdleConnTimeout:     30 * time.Second,
			},
			// The headers may hold a credential: it goes where it is meant to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Start implements otlptrace.Client.
func (*uploader) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (u *uploader) Stop(context.Context) error {
	u.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client.
func (u *uploader) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// The request message has the same encoding.
	raw, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encoding spans: %w", err)
	}
	body, err := compress(raw)
	if err != nil {
		return fmt.Errorf("compressing spans: %w", err)
	}
	wait, err := u.post(ctx, body)
	if err == nil || wait == 0 {
		return err
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return err
	}
	_, err = u.post(ctx, body)
	return err
}

// post returns with its error when to try again, 0 where that is of no use.
func (u *uploader) post(ctx context.Context, body []byte) (wait time.Duration, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, value := range u.headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "securedmcp-runtime")
	resp, err := u.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("sending spans: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection is used again
	if resp.StatusCode/100 == 2 {
		return 0, nil
	}
	return waitFor(resp), errors.New("sending spans: the receiver answered HTTP status " + strconv.Itoa(resp.StatusCode))
}

// waitFor follows the OTLP specification: these four may pass.
func waitFor(resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			return min(time.Duration(seconds)*time.Second, maxRetryAfter)
		}
		return retryAfter
	}
	return 0
}

func compress(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
