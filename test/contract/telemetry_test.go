package contract

import (
	"net/http"
	"strings"
	"testing"

	"github.com/securedmcp/operator/test/otlptest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// telemetryFields are about what a server tells of itself.
var telemetryFields = map[string]func(*testing.T){
	"telemetry.tracing.endpoint": func(t *testing.T) {
		collector := otlptest.New(t)
		s := apply(t, patch(t, `telemetry: {tracing: {endpoint: "`+collector.URL+`"}}`))
		if parent := s.traced(t); parent == "" {
			t.Error("the upstream got no traceparent")
		}
		waitSpan(t, s, collector, "tools/call lookup_invoice")
		s = apply(t, patch(t, `{}`))
		if parent := s.traced(t); parent != "" {
			t.Errorf("without the field the upstream got traceparent %q", parent)
		}
	},
	"telemetry.tracing.sampleRatio": func(t *testing.T) {
		for ratio, flags := range map[string]string{`"0"`: "-00", `"1"`: "-01", `"1.0"`: "-01"} {
			s := apply(t, patch(t, `telemetry: {tracing: {endpoint: "http://127.0.0.1:1", sampleRatio: `+ratio+`}}`))
			if parent := s.traced(t); !strings.HasSuffix(parent, flags) {
				t.Errorf("sampleRatio %s: the upstream got traceparent %q, want one that ends in %s", ratio, parent, flags)
			}
		}
	},
	"telemetry.tracing.headersRef.name": traceHeaders,
	"telemetry.tracing.headersRef.key":  traceHeaders,
}

func traceHeaders(t *testing.T) {
	objects := map[string][]byte{
		"collector/headers": []byte("Authorization: Basic good\n"), "collector/old": []byte("Authorization: Basic old"), "other/headers": []byte("X-Other: a"),
	}
	for ref, want := range map[string]string{
		`, headersRef: {name: collector, key: headers}`: "Basic good",
		`, headersRef: {name: collector, key: old}`:     "Basic old",
		`, headersRef: {name: other, key: headers}`:     "",
		``: "",
	} {
		collector := otlptest.New(t)
		s := cluster{objects: objects}.apply(t, patch(t, `telemetry: {tracing: {endpoint: "`+collector.URL+`"`+ref+`}}`))
		s.traced(t)
		waitSpan(t, s, collector, "tools/call lookup_invoice")
		if got := collector.Headers()[0].Get("Authorization"); got != want {
			t.Errorf("tracing {%s}: Authorization %q, want %q", ref, got, want)
		}
	}
}

// traced calls a tool and returns the traceparent that its upstream got.
func (s server) traced(t *testing.T) string {
	t.Helper()
	if resp := s.lookup(s.token("")); resp.Status != http.StatusOK {
		t.Fatalf("status %d, want 200", resp.Status)
	}
	return s.api.Last(t).Header.Get("Traceparent")
}

func waitSpan(t *testing.T, s server, collector *otlptest.Receiver, name string) {
	t.Helper()
	runtimetest.Eventually(t, "the span "+name, func() bool {
		for _, span := range collector.Spans() {
			if span.GetName() == name {
				return true
			}
		}
		return false
	}, s.Logs)
}
