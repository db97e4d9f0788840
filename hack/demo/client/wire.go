package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// maxRecorded bounds how much of a body is kept.
const maxRecorded = 16 << 10

// Exchange is one request and its answer. It holds no request headers and no
// body with a secret: what it holds may be shown.
type Exchange struct {
	Method string
	URL    *url.URL
	// HasToken tells whether the request carried an Authorization header.
	HasToken bool
	// Tool is the Mcp-Name header: the tool that a tools/call is for.
	Tool   string
	Status int
	Header http.Header
	Body   []byte
}

// Wire is an http.RoundTripper that keeps a record of what passes.
type Wire struct {
	next http.RoundTripper

	mu     sync.Mutex
	record []Exchange
}

// NewWire records what passes through next.
func NewWire(next http.RoundTripper) *Wire { return &Wire{next: next} }

// RoundTrip implements http.RoundTripper.
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e := Exchange{
		Method: req.Method, URL: req.URL, HasToken: req.Header.Get("Authorization") != "",
		Tool: req.Header.Get("Mcp-Name"), Status: resp.StatusCode, Header: resp.Header.Clone(),
	}
	if isDocument(resp) {
		if e.Body, err = peek(resp); err != nil {
			return nil, err
		}
		if holdsSecret(e.Body) {
			e.Body = nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.record = append(w.record, e)
	return resp, nil
}

// isDocument picks JSON. Event streams are left to flow.
func isDocument(resp *http.Response) bool {
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return mediaType == "application/json"
}

// secretMembers are what a document has that must not be shown: the answers of
// token endpoints (RFC 6749) and registration endpoints (RFC 7591).
var secretMembers = []string{"access_token", "refresh_token", "id_token", "client_secret", "registration_access_token"}

// holdsSecret errs on the safe side: what cannot be read is not shown.
func holdsSecret(body []byte) bool {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return true
	}
	return slices.ContainsFunc(secretMembers, func(name string) bool { return members[name] != nil })
}

// peek reads the beginning of the body and puts it back.
func peek(resp *http.Response) ([]byte, error) {
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxRecorded))
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	return head, nil
}

// Take returns the record so far, in order, and begins a new one.
func (w *Wire) Take() []Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.record
	w.record = nil
	return taken
}

// Find returns the first exchange that matches, nil if there is none.
func Find(record []Exchange, matches func(Exchange) bool) *Exchange {
	if i := slices.IndexFunc(record, matches); i >= 0 {
		return &record[i]
	}
	return nil
}

// String is a line like "POST /billing 401".
func (e Exchange) String() string {
	return fmt.Sprintf("%s %s %d", e.Method, e.URL.Path, e.Status)
}
