package tracing

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Of W3C Trace Context the traceparent is read and written. The tracestate is
// not: it is a text of the caller's, and no such text reaches an upstream.
const traceparent = "traceparent"

var w3c propagation.TraceContext

// carrier is a traceparent alone.
type carrier string

func (c carrier) Get(key string) string {
	if key == traceparent {
		return string(c)
	}
	return ""
}

func (carrier) Set(string, string) {}

func (carrier) Keys() []string { return []string{traceparent} }

// withParent returns ctx with the remote parent that the traceparent names, and
// ctx itself where it names none.
func withParent(ctx context.Context, value string) (context.Context, bool) {
	remote := trace.SpanContextFromContext(w3c.Extract(context.Background(), carrier(value)))
	if !remote.IsValid() {
		return ctx, false
	}
	return trace.ContextWithRemoteSpanContext(ctx, remote), true
}

// Request starts the span of an authenticated request, which began at arrived,
// with the parent of its header. The time until now is a span of its own: the
// caller was being authenticated. A stranger starts no trace and joins none.
func (t *Tracer) Request(ctx context.Context, req *http.Request, route, requestID string, arrived time.Time) (context.Context, trace.Span) {
	if values := req.Header["Traceparent"]; len(values) == 1 {
		ctx, _ = withParent(ctx, values[0])
	}
	method := knownMethod(req.Method)
	ctx, span := t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(arrived),
		trace.WithAttributes(
			attribute.String("http.request.method", method),
			attribute.String("http.route", route),
			attribute.String("securedmcp.request_id", requestID),
		))
	_, authentication := t.tracer.Start(ctx, "authenticate", trace.WithTimestamp(arrived))
	authentication.End()
	return ctx, span
}

// knownMethod is the method, or what OpenTelemetry calls one that is not of HTTP:
// it is a text of the caller's.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// Answered notes on the span of ctx how its request was answered: the status,
// and an outcome of the closed set that the metrics count.
func Answered(ctx context.Context, status int, outcome string) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status), attribute.String("securedmcp.outcome", outcome))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, outcome)
	}
}

// ToolCall starts the span of a call of a declared tool. Its parent is the
// traceparent of the call's _meta where there is one, with a link to the span of
// the HTTP request that carried it.
func ToolCall(ctx context.Context, tool, metaTraceparent string) (context.Context, trace.Span) {
	carried := trace.SpanFromContext(ctx)
	if !carried.SpanContext().IsValid() {
		return ctx, carried
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("mcp.method.name", "tools/call"), attribute.String("gen_ai.tool.name", tool)),
	}
	if parent, ok := withParent(ctx, metaTraceparent); ok {
		ctx = context.WithValue(parent, carriedKey{}, carried.SpanContext())
		options = append(options, trace.WithLinks(trace.Link{SpanContext: carried.SpanContext()}))
	}
	return carried.TracerProvider().Tracer(scope).Start(ctx, "tools/call "+tool, options...)
}

// carriedKey is of the span of the request that carried a call, whose lot decides
// for the call too.
type carriedKey struct{}

// Ended ends the span of a tool call with its outcome: a word of a closed set,
// "ok" where the call was answered.
func Ended(span trace.Span, outcome string) {
	if span.IsRecording() {
		span.SetAttributes(attribute.String("securedmcp.outcome", outcome))
		if outcome != "ok" {
			span.SetAttributes(attribute.String("error.type", outcome))
			span.SetStatus(codes.Error, outcome)
		}
	}
	span.End()
}

// UpstreamCall starts the span of a request to an upstream. The template is that
// of the tool's path: the path itself holds arguments.
func UpstreamCall(ctx context.Context, upstream, host, method, template string) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, method+" "+template, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", method),
		attribute.String("server.address", host),
		attribute.String("url.template", template),
		attribute.String("securedmcp.upstream", upstream),
	))
}

// Inject writes the traceparent of the span of ctx, if it has one, into the
// header of a request to an upstream.
func Inject(ctx context.Context, h http.Header) {
	w3c.Inject(ctx, propagation.HeaderCarrier(h))
	h.Del("Tracestate")
}

// UpstreamAnswered ends the span of a request to an upstream: the status, 0 where
// there was none, and the class of the answer.
func UpstreamAnswered(span trace.Span, status int, class string) {
	if span.IsRecording() {
		if status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		if status == 0 || status >= http.StatusBadRequest {
			span.SetAttributes(attribute.String("error.type", class))
			span.SetStatus(codes.Error, class)
		}
	}
	span.End()
}

// ID returns the trace ID of the span of ctx, "" without one.
func ID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
