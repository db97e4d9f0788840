// Package otlptest is an OTLP/HTTP receiver for tests: it decodes what exporters
// send with the protocol's own messages, and misbehaves on command.
package otlptest

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TB is the part of testing.TB that a Receiver needs.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Span is one received span.
type Span struct {
	*tracepb.Span

	// Resource and Attributes are as text, whatever their type.
	Resource, Attributes map[string]string
}

// TraceIDText is the trace ID in hexadecimal.
func (s Span) TraceIDText() string { return hex.EncodeToString(s.GetTraceId()) }

// SpanIDText is the span ID in hexadecimal.
func (s Span) SpanIDText() string { return hex.EncodeToString(s.GetSpanId()) }

// ParentText is the parent's span ID in hexadecimal, "" for a root.
func (s Span) ParentText() string { return hex.EncodeToString(s.GetParentSpanId()) }

// Receiver is a collector.
type Receiver struct {
	*httptest.Server

	t TB
	// answer replaces the answer of 200, if it is not nil.
	answer atomic.Pointer[http.HandlerFunc]

	mu      sync.Mutex
	spans   []Span
	headers []http.Header
	raw     strings.Builder
}

// New starts a receiver that stops when the test ends.
func New(t TB) *Receiver {
	t.Helper()
	r := &Receiver{t: t}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.CloseClientConnections() // ends the requests that an answer holds
		r.Close()
	})
	return r
}

// Answer makes the receiver answer with answer from now on; what it is sent is
// not kept then. Nil makes it receive again.
func (r *Receiver) Answer(answer http.HandlerFunc) {
	if answer == nil {
		r.answer.Store(nil)
		return
	}
	r.answer.Store(&answer)
}

// Spans are those received so far, in the order in which they came.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Headers are those of each export.
func (r *Receiver) Headers() []http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.headers)
}

// Raw is everything that was received, decompressed, to search for what must
// not be there.
func (r *Receiver) Raw() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw.String()
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	if answer := r.answer.Load(); answer != nil {
		// Only with the body read does the server notice that a client leaves.
		_, _ = io.Copy(io.Discard, req.Body)
		(*answer)(w, req)
		return
	}
	export, raw, err := readExport(req)
	if err != nil {
		r.t.Errorf("the receiver got %s %s: %v", req.Method, req.URL, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.keep(req.Header, raw, export)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func readExport(req *http.Request) (*collectorpb.ExportTraceServiceRequest, []byte, error) {
	if req.Method != http.MethodPost || req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, nil, errors.New("want POST /v1/traces of application/x-protobuf")
	}
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return nil, nil, err
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, err
	}
	export := new(collectorpb.ExportTraceServiceRequest)
	return export, raw, proto.Unmarshal(raw, export)
}

func (r *Receiver) keep(header http.Header, raw []byte, export *collectorpb.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, header.Clone())
	r.raw.Write(raw)
	for _, rs := range export.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, span := range ss.GetSpans() {
				r.spans = append(r.spans, Span{Span: span, Resource: texts(rs.GetResource().GetAttributes()), Attributes: texts(span.GetAttributes())})
			}
		}
	}
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range attributes {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out[a.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			out[a.GetKey()] = strconv.FormatInt(v.IntValue, 10)
		default:
			out[a.GetKey()] = a.GetValue().String()
		}
	}
	return out
}
