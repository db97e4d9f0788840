// Package tracing makes OpenTelemetry spans of requests and sends them to a
// collector, in the background and never at the cost of a request: what cannot
// be sent is dropped.
//
// A span holds names and numbers of the configuration and of the protocol. It
// holds nothing that a caller, a token or an upstream said: no token, no claim,
// no argument, no path of a request to an upstream.
package tracing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	scope = "github.com/securedmcp/operator/runtime"
	// Spans wait for this long to be sent together.
	batchTime = time.Second
	// maxQueued and maxBatch are counted in spans, of which a call makes three.
	maxQueued = 4096
	maxBatch  = 512
	// exportTimeout bounds one attempt to send.
	exportTimeout = 5 * time.Second
	// closeTimeout bounds how long spans are still sent once a Tracer is closed.
	closeTimeout = 3 * time.Second
)

// Config says what is traced and where spans go.
type Config struct {
	// Endpoint is the base URL of an OTLP/HTTP receiver.
	Endpoint string
	// Headers go with every export.
	Headers map[string]string
	// SampleRatio is the part of traces that is recorded, 0 to 1.
	SampleRatio float64
	// Service, Version and Resource describe the server: the name and version of
	// the runtime's configuration and program, and the MCP resource.
	Service, Version, Resource string
	Reporter                   Reporter
}

// Reporter is told of each export.
type Reporter interface {
	SpansExported(spans int, err error)
}

// Tracer starts the spans of requests. A nil *Tracer starts none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New returns a Tracer, which runs until Close.
func New(ctx context.Context, cfg Config) (*Tracer, error) {
	exporter, err := otlptrace.New(ctx, newUploader(cfg.Endpoint, cfg.Headers))
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sampler(cfg.SampleRatio)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", cfg.Service),
			attribute.String("service.version", cfg.Version),
			attribute.String("securedmcp.resource", cfg.Resource),
		)),
		sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(
			&reporting{SpanExporter: exporter, reporter: cfg.Reporter},
			sdktrace.WithMaxQueueSize(maxQueued), sdktrace.WithMaxExportBatchSize(maxBatch),
			sdktrace.WithBatchTimeout(batchTime), sdktrace.WithExportTimeout(2*exportTimeout),
		)),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope)}, nil
}

// sampler records a part of all traces. A caller that does not record its trace
// is not recorded here either; one that does gets no more than that part: what
// is recorded is for the operator of the server to say.
func sampler(ratio float64) sdktrace.Sampler {
	part := lot(ratio)
	return sdktrace.ParentBased(part, sdktrace.WithRemoteParentSampled(part))
}

// lot samples by chance. The SDK's own sampler of a ratio looks at the trace ID,
// which a caller chooses.
type lot float64

func (l lot) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
	carried, drawn := p.ParentContext.Value(carriedKey{}).(trace.SpanContext)
	if drawn && carried.IsSampled() || !drawn && rand.Float64() < float64(l) { //nolint:gosec // no secret hangs on it
		result.Decision = sdktrace.RecordAndSample
	}
	return result
}

func (l lot) Description() string { return fmt.Sprintf("lot{%g}", float64(l)) }

// Close sends the spans that have ended, within three seconds.
func (t *Tracer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // its errors have been reported
}

// reporting tells the Reporter what became of each export. The SDK would hand
// errors to a handler of the whole process.
type reporting struct {
	sdktrace.SpanExporter

	reporter Reporter
}

func (r *reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.reporter.SpansExported(len(spans), r.SpanExporter.ExportSpans(ctx, spans))
	return nil
}
