//go:build clients

package clients_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// exchange is one request of a client, and its answer.
type exchange struct {
	Method, Path string
	// Query and Form are what an OAuth request is made of. A Form has no secrets
	// that outlive the test.
	Query, Form url.Values
	// RPC is the JSON-RPC method, Tool the name that it calls.
	RPC, Tool string
	// Revision is the MCP-Protocol-Version.
	Revision string
	HasToken bool
	// Scheme is how the token was sent.
	Scheme string
	// Session is the Mcp-Session-Id, of the request or of the answer.
	Session string

	Status    int
	Challenge map[string]string
}

func (e exchange) String() string {
	return fmt.Sprintf("%s %s %s %s %d %v", e.Method, e.Path, e.RPC, e.Tool, e.Status, e.Challenge)
}

// wire is the record of what the clients of one test sent, in order.
type wire struct {
	mu     sync.Mutex
	record []exchange
}

func (w *wire) add(e exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.record = append(w.record, e)
}

// all is the record so far.
func (w *wire) all() []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.record)
}

// String is the record, a line for each exchange.
func (w *wire) String() string {
	var text strings.Builder
	for _, e := range w.all() {
		fmt.Fprintln(&text, e)
	}
	return text.String()
}

// relay is an address that is known before the servers behind it are. It passes
// requests on to them in turn, and keeps a record.
type relay struct {
	URL string

	wire    *wire
	server  *httptest.Server
	targets []*url.URL
	served  []atomic.Int64
	next    atomic.Int64
}

func newRelay(t *testing.T, w *wire) *relay {
	t.Helper()
	r := &relay{wire: w, server: httptest.NewUnstartedServer(nil)}
	r.URL = "http://" + r.server.Listener.Addr().String()
	t.Cleanup(r.server.Close)
	return r
}

// serve begins to pass requests on to the addresses.
func (r *relay) serve(t *testing.T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		r.targets = append(r.targets, &url.URL{Scheme: "http", Host: address})
	}
	r.served = make([]atomic.Int64, len(addresses))
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			i := int(r.next.Add(1)-1) % len(r.targets)
			r.served[i].Add(1)
			p.SetURL(r.targets[i])
			p.Out.Host = p.In.Host
		},
		FlushInterval: -1,
	}
	r.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		e, err := readRequest(req)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		proxy.ServeHTTP(&notingWriter{ResponseWriter: w, note: func(status int) {
			e.Status = status
			if id := w.Header().Get("Mcp-Session-Id"); id != "" {
				e.Session = id
			}
			e.Challenge = challenge(w.Header())
			r.wire.add(e)
		}}, req)
	})
	r.server.Start()
}

// readRequest notes what matters of a request, and puts the body back.
func readRequest(req *http.Request) (exchange, error) {
	e := exchange{
		Method: req.Method, Path: req.URL.Path, Query: req.URL.Query(),
		HasToken: req.Header.Get("Authorization") != "", Session: req.Header.Get("Mcp-Session-Id"),
		Revision: req.Header.Get("MCP-Protocol-Version"),
	}
	e.Scheme, _, _ = strings.Cut(req.Header.Get("Authorization"), " ")
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return e, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		e.Form, err = url.ParseQuery(string(body))
		return e, err
	}
	var message struct {
		Method string
		Params struct{ Name string }
	}
	if json.Unmarshal(body, &message) == nil {
		e.RPC, e.Tool = message.Method, message.Params.Name
	}
	return e, nil
}

// challenge returns the parameters of the first challenge.
func challenge(h http.Header) map[string]string {
	challenges, err := oauthex.ParseWWWAuthenticate(h.Values("WWW-Authenticate"))
	if err != nil || len(challenges) == 0 {
		return nil
	}
	return maps.Clone(challenges[0].Params)
}

type notingWriter struct {
	http.ResponseWriter
	note func(status int)
}

func (w *notingWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.note(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the proxy flush.
func (w *notingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
