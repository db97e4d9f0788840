package tracing

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A caller that could choose a trace ID which is always recorded could fill the
// collector.
func TestNoTraceIDIsRecordedMoreOftenThanOthers(t *testing.T) {
	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 1}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent)
	for ratio, want := range map[float64][2]int{0: {0, 0}, 0.000001: {0, 20}, 0.5: {4000, 6000}, 1: {10000, 10000}} {
		s, recorded := sampler(ratio), 0
		for range 10000 {
			if s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: parent.TraceID()}).Decision == sdktrace.RecordAndSample {
				recorded++
			}
		}
		if recorded < want[0] || recorded > want[1] {
			t.Errorf("%d of 10000 at %g, want %d to %d", recorded, ratio, want[0], want[1])
		}
	}
}

// One lot decides for a request and for the call that it carries, whatever trace
// the call's _meta names.
func TestACallIsRecordedWithItsRequest(t *testing.T) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler(0.5)))
	const meta = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	both := map[bool]int{}
	for range 200 {
		ctx, request := provider.Tracer(scope).Start(t.Context(), "POST")
		_, call := ToolCall(ctx, "tool", meta)
		if request.SpanContext().IsSampled() != call.SpanContext().IsSampled() {
			t.Fatalf("the request is recorded: %v, its call: %v", request.SpanContext().IsSampled(), call.SpanContext().IsSampled())
		}
		both[call.SpanContext().IsSampled()]++
	}
	if both[true] == 0 || both[false] == 0 {
		t.Errorf("of 200 requests %d were recorded and %d not; want some of both", both[true], both[false])
	}
}

func TestOnlyMethodsOfHTTPAreNamed(t *testing.T) {
	for method, want := range map[string]string{"POST": "POST", "S3CR3T": "_OTHER", "post": "_OTHER"} {
		if got := knownMethod(method); got != want {
			t.Errorf("%s is called %s, want %s", method, got, want)
		}
	}
}
