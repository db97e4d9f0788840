// Package upstream calls the services that tools are made of. A request is made
// of the tool's declaration and the validated arguments and of nothing that the
// caller sent beside them: no header, no cookie, no token. A traceparent is that
// of our own span.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/tracing"
)

// Errors of a call. They tell the caller the class and no more.
var (
	ErrTimeout     = errors.New("the upstream did not answer in time")
	ErrUnreachable = errors.New("the upstream could not be reached")
	ErrTooLarge    = errors.New("the upstream's answer is larger than is allowed")
	ErrRedirect    = errors.New("the upstream answered with a redirect, which is not followed")
	ErrLeft        = errors.New("the call was given up before the upstream had answered")
	ErrBusy        = errors.New("too many large answers are being passed on")
	ErrStatus      = errors.New("the upstream answered with a status that is none of a whole answer")
)

// Observer is told of each call: its answer is "2xx" to "5xx", "timeout", "error",
// "left" where it was the caller who did not wait, or "busy" where there was no memory
// for a large answer in time.
type Observer interface {
	UpstreamAnswered(upstream, answer string, took time.Duration)
}

// HTTP is an HTTP API.
type HTTP struct {
	name     string
	base     *url.URL
	timeout  time.Duration
	maxBytes int64
	client   *http.Client
	observer Observer
}

// NewHTTP returns a client of u, which config.RuntimeConfig.Validate has passed.
// An answer of more than maxBytes, after decompression, is an error.
func NewHTTP(u config.Upstream, maxBytes int64, observer Observer) (*HTTP, error) {
	base, err := url.Parse(u.HTTP.URL)
	if err != nil {
		return nil, fmt.Errorf("parsing URL of upstream %s: %w", u.Name, err)
	}
	timeout := time.Duration(u.TimeoutSeconds) * time.Second
	if timeout == 0 {
		timeout = config.DefaultUpstreamTimeoutSeconds * time.Second
	}
	return &HTTP{name: u.Name, base: base, timeout: timeout, maxBytes: maxBytes, client: newClient(), observer: observer}, nil
}

func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			// No proxy: an upstream is named by whoever deploys the server, and
			// its traffic is not sent through whatever the environment says.
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			ForceAttemptHTTP2:   true,
			// A connection over which nothing comes is asked whether it lives: it has all
			// requests, and TCP would keep it for a quarter of an hour.
			HTTP2:               &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
			MaxIdleConns:        128,
			MaxIdleConnsPerHost: 128,
			IdleConnTimeout:     90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close gives idle connections back.
func (h *HTTP) Close() { h.client.CloseIdleConnections() }

// Request is one call: where and what to send.
type Request struct {
	Method string
	// Path is escaped and begins with a slash; it is appended to the
	// upstream's URL.
	Path string
	// Template is what Path was made of, for the span: it holds no arguments.
	Template string
	Query    string
	// JSON is the body, nil for none.
	JSON []byte
}

// Response is an upstream's answer.
type Response struct {
	Status      int
	ContentType string
	Body        []byte
}

// Do sends r and reads the whole answer. Its errors are the package's.
func (h *HTTP) Do(ctx context.Context, r Request) (*Response, error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	ctx, span := tracing.UpstreamCall(ctx, h.name, h.base.Host, r.Method, r.Template)
	start := time.Now()
	resp, err := h.do(ctx, r)
	if err != nil && caller.Err() != nil {
		err = ErrLeft
	}
	class, status := answerClass(resp, err), 0
	if resp != nil {
		status = resp.Status
	}
	h.observer.UpstreamAnswered(h.name, class, time.Since(start))
	tracing.UpstreamAnswered(span, status, class)
	return resp, err
}

func (h *HTTP) do(ctx context.Context, r Request) (*Response, error) {
	req, err := h.newRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, classify(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 599: // net/http lets any three digits through
		return nil, ErrStatus
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, ErrRedirect
	}
	body, err := h.read(ctx, resp)
	if err != nil {
		return nil, err
	}
	return &Response{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: body}, nil
}

func (h *HTTP) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	// Joined as text: path.Join and its kin would resolve what was escaped.
	target := h.base.Scheme + "://" + h.base.Host + strings.TrimSuffix(h.base.EscapedPath(), "/") + r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	var body io.Reader
	if r.JSON != nil {
		body = strings.NewReader(string(r.JSON))
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	if err != nil {
		return nil, fmt.Errorf("building request for upstream %s: %w", h.name, err)
	}
	if r.JSON != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json, text/*;q=0.9")
	req.Header.Set("User-Agent", "securedmcp-runtime")
	tracing.Inject(ctx, req.Header)
	return req, nil
}

func classify(err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return ErrTimeout
	}
	return ErrUnreachable
}

func answerClass(resp *Response, err error) string {
	switch {
	case errors.Is(err, ErrTimeout):
		return "timeout"
	case errors.Is(err, ErrLeft):
		return "left"
	case errors.Is(err, ErrBusy):
		return "busy"
	case err != nil:
		return "error"
	}
	return strconv.Itoa(resp.Status/100) + "xx"
}
