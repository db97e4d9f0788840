package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/otlptest"
	"github.com/securedmcp/operator/test/runtimetest"
)

const (
	callerTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	callerSpan   = "00f067aa0ba902b7"
	callerParent = "00-" + callerTrace + "-" + callerSpan + "-01"
)

// startTraced starts the billing server with a collector.
func startTraced(t *testing.T, change func(*config.RuntimeConfig)) (fixture, *otlptest.Receiver) {
	t.Helper()
	collector := otlptest.New(t)
	return startWith(t, func(c *config.RuntimeConfig) {
		c.Tracing = &config.Tracing{Endpoint: collector.URL}
		change(c)
	}), collector
}

// spans returns the received spans by name once there are n.
func (f fixture) spans(t *testing.T, r *otlptest.Receiver, n int) map[string]otlptest.Span {
	t.Helper()
	runtimetest.Eventually(t, fmt.Sprintf("%d spans", n), func() bool { return len(r.Spans()) >= n }, func() string { return fmt.Sprint(r.Spans()) })
	byName := map[string]otlptest.Span{}
	for _, s := range r.Spans() {
		byName[s.GetName()] = s
	}
	return byName
}

// tracedLookup calls lookup_invoice with a traceparent in the header and in _meta.
func (f fixture) tracedLookup(token, header, meta string) *runtimetest.Response {
	q := runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "INV-s3cr3t"})
	if header != "" {
		q.Header = map[string][]string{"Traceparent": {header}, "Tracestate": {"vendor=s3cr3t"}, "Baggage": {"user=s3cr3t"}}
	}
	if meta != "" {
		q.Meta = map[string]any{"traceparent": meta}
	}
	return f.Do(q)
}

func TestACallIsTracedFromItsCallerToTheUpstream(t *testing.T) {
	f, collector := startTraced(t, func(*config.RuntimeConfig) {})
	token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "alice-s3cr3t", "client_id": "client-s3cr3t"})
	if resp := f.tracedLookup(token, callerParent, ""); resp.Status != http.StatusOK {
		t.Fatalf("status %d: %s", resp.Status, resp.Body)
	}
	spans := f.spans(t, collector, 4)
	request, call, up := spans["POST /billing"], spans["tools/call lookup_invoice"], spans["GET /invoices/{invoiceId}"]
	if request.ParentText() != callerSpan || call.ParentText() != request.SpanIDText() || up.ParentText() != call.SpanIDText() ||
		spans["authenticate"].ParentText() != request.SpanIDText() {
		t.Errorf("the spans are not one below the other: %v", spans)
	}
	for name, s := range spans {
		if s.TraceIDText() != callerTrace {
			t.Errorf("%s: trace %s, want the caller's", name, s.TraceIDText())
		}
	}
	want := map[string]string{
		"http.request.method": "GET", "url.template": "/invoices/{invoiceId}", "http.response.status_code": "200",
		"securedmcp.upstream": "billing-api", "server.address": strings.TrimPrefix(f.api.URL, "http://"),
	}
	if diff := cmp.Diff(want, up.Attributes); diff != "" {
		t.Errorf("attributes of the upstream's span (-want +got):\n%s", diff)
	}
	if got := request.Resource["service.name"]; got != "billing/billing-tools" {
		t.Errorf("service.name %q", got)
	}
	sent := f.api.Last(t).Header
	if got := sent.Get("Traceparent"); got != "00-"+callerTrace+"-"+up.SpanIDText()+"-01" {
		t.Errorf("the upstream got traceparent %q", got)
	}
	if sent.Get("Tracestate") != "" || sent.Get("Baggage") != "" {
		t.Errorf("the upstream got texts of the caller's: %v", sent)
	}
	if raw := collector.Raw(); strings.Contains(raw, "s3cr3t") || strings.Contains(raw, token) {
		t.Error("the spans hold what the caller sent")
	}
	if got := decisions(t, f.Runtime)[0]["traceID"]; got != callerTrace {
		t.Errorf("the audit has traceID %v, want the caller's", got)
	}
}

func TestTheParentOfACallIsThatOfItsMeta(t *testing.T) {
	const metaTrace, metaSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	f, collector := startTraced(t, func(*config.RuntimeConfig) {})
	f.tracedLookup(f.token("invoices:read"), callerParent, "00-"+metaTrace+"-"+metaSpan+"-01")
	spans := f.spans(t, collector, 4)
	request, call := spans["POST /billing"], spans["tools/call lookup_invoice"]
	if request.TraceIDText() != callerTrace || call.TraceIDText() != metaTrace || call.ParentText() != metaSpan {
		t.Errorf("request in trace %s, call in trace %s below %s", request.TraceIDText(), call.TraceIDText(), call.ParentText())
	}
	if links := call.GetLinks(); len(links) != 1 || string(links[0].GetSpanId()) != string(request.GetSpanId()) {
		t.Errorf("the call has no link to its request: %v", links)
	}
	if got := f.api.Last(t).Header.Get("Traceparent"); !strings.HasPrefix(got, "00-"+metaTrace) {
		t.Errorf("the upstream got traceparent %q", got)
	}
	if got := decisions(t, f.Runtime)[0]["traceID"]; got != metaTrace {
		t.Errorf("the audit has traceID %v, want that of _meta", got)
	}
}

func TestADeniedCallIsTracedAndAudited(t *testing.T) {
	f, collector := startTraced(t, func(*config.RuntimeConfig) {})
	q := runtimetest.Call(f.token("invoices:read"), "void_invoice", map[string]any{"invoiceId": "1"})
	q.Header = map[string][]string{"Traceparent": {callerParent}}
	if resp := f.Do(q); resp.Status != http.StatusForbidden {
		t.Fatalf("status %d, want 403", resp.Status)
	}
	spans := f.spans(t, collector, 3)
	if got := spans["POST /billing"].Attributes; got["http.response.status_code"] != "403" || got["securedmcp.outcome"] != "insufficient_scope" {
		t.Errorf("attributes %v", got)
	}
	if got := spans["tools/call void_invoice"].Attributes["error.type"]; got != "insufficient_scope" {
		t.Errorf("error.type %q", got)
	}
	if got := decisions(t, f.Runtime)[0]["traceID"]; got != callerTrace {
		t.Errorf("the audit has traceID %v, want the caller's", got)
	}
}

func TestStrangersAndUnknownToolsLeaveNoNames(t *testing.T) {
	f, collector := startTraced(t, func(*config.RuntimeConfig) {})
	for _, token := range []string{"", "garbage", f.issuer.Token(oauthtest.Claims{"aud": "x"})} {
		if resp := f.tracedLookup(token, callerParent, ""); resp.Status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", resp.Status)
		}
	}
	f.Do(runtimetest.Call(f.token("invoices:read"), "no-such-tool-s3cr3t", nil))
	spans := f.spans(t, collector, 2)
	if len(spans) != 2 || strings.Contains(collector.Raw(), "s3cr3t") || strings.Contains(collector.Raw(), callerTrace) {
		t.Errorf("spans %v; want those of the one authenticated request", spans)
	}
}

func TestWhatIsSampledIsForTheServerToSay(t *testing.T) {
	none := 0.0
	for name, tc := range map[string]struct {
		ratio  *float64
		parent string
		want   bool
	}{
		"everything, unless told otherwise":         {nil, "", true},
		"a caller that records":                     {nil, callerParent, true},
		"a caller that does not record":             {nil, strings.TrimSuffix(callerParent, "1") + "0", false},
		"nothing":                                   {&none, "", false},
		"nothing, though the caller records":        {&none, callerParent, false},
		"a traceparent that is none is passed over": {nil, "00-zz-zz-01", true},
	} {
		t.Run(name, func(t *testing.T) {
			f, collector := startTraced(t, func(c *config.RuntimeConfig) { c.Tracing.SampleRatio = tc.ratio })
			f.tracedLookup(f.token("invoices:read"), tc.parent, "")
			parent := f.api.Last(t).Header.Get("Traceparent")
			if recorded := strings.HasSuffix(parent, "-01"); recorded != tc.want || parent == "" {
				t.Errorf("the upstream got traceparent %q; want it recorded: %v", parent, tc.want)
			}
			if tc.want {
				f.spans(t, collector, 4)
			}
		})
	}
}

func TestNothingIsTracedUnlessAskedFor(t *testing.T) {
	f := start(t)
	f.tracedLookup(f.token("invoices:read"), callerParent, callerParent)
	if got := f.api.Last(t).Header.Get("Traceparent"); got != "" {
		t.Errorf("the upstream got traceparent %q", got)
	}
	if got, ok := decisions(t, f.Runtime)[0]["traceID"]; ok {
		t.Errorf("the audit has traceID %v", got)
	}
}

func TestExportsCarryTheirHeadersAndNobodyElseDoes(t *testing.T) {
	headers := writeTemp(t, []byte("Authorization: Bearer collector-s3cr3t\n\nX-Scope-OrgID: billing\n"))
	f, collector := startTraced(t, func(c *config.RuntimeConfig) { c.Tracing.HeadersFile = headers })
	f.tracedLookup(f.token("invoices:read"), "", "")
	f.spans(t, collector, 4)
	got := collector.Headers()[0]
	if got.Get("Authorization") != "Bearer collector-s3cr3t" || got.Get("X-Scope-OrgID") != "billing" {
		t.Errorf("headers %v", got)
	}
	if strings.Contains(f.Logs(), "collector-s3cr3t") || f.api.Last(t).Header.Get("Authorization") != "" {
		t.Error("the credential of the collector went elsewhere")
	}
}

func TestACollectorThatIsAwayHoldsNobodyUp(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for name, answer := range map[string]http.HandlerFunc{
		"hangs": func(_ http.ResponseWriter, req *http.Request) {
			select {
			case <-hang:
			case <-req.Context().Done():
			}
		},
		"fails":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"is busy":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirects": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, collector := startTraced(t, func(*config.RuntimeConfig) {})
			collector.Answer(answer)
			token := f.token("invoices:read")
			requests := 50
			if name == "hangs" {
				requests = 2500 // more spans than the queue holds: an exporter that blocks would stop here
			}
			for range requests {
				if got := f.status(token); got != http.StatusOK {
					t.Fatalf("status %d, want 200", got)
				}
			}
		})
	}
}

func TestAnOutageOfTheCollectorIsLoggedOnceAndCounted(t *testing.T) {
	f, collector := startTraced(t, func(*config.RuntimeConfig) {})
	collector.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	token := f.token("invoices:read")
	runtimetest.Eventually(t, "failed exports", func() bool {
		f.status(token)
		return strings.Contains(f.Logs(), "spans are not exported") && !strings.Contains(metricsOf(f), `securedmcp_trace_spans_total{result="error"} 0`)
	}, f.Logs)
	collector.Answer(nil)
	runtimetest.Eventually(t, "the end of the outage", func() bool {
		f.status(token)
		return strings.Contains(f.Logs(), "spans are exported again")
	}, f.Logs)
	if got := strings.Count(f.Logs(), "spans are not exported"); got != 1 {
		t.Errorf("the outage is logged %d times, want once", got)
	}
}

func metricsOf(f fixture) string {
	_, body := f.Admin("/metrics")
	return string(body)
}

func TestSpansAreSentBeforeTheRuntimeStops(t *testing.T) {
	collector := otlptest.New(t)
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tracing = &config.Tracing{Endpoint: collector.URL + "/"}
	raw := mustEncode(t, c)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server, err := app.Start(ctx, app.Options{ConfigFile: writeTemp(t, raw), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", DrainDelay: -1})
	must(t, err)
	f := fixture{Runtime: runtimetest.Attach(t, server, runtimetest.Resource), issuer: issuer}
	f.WaitRevision(config.Revision(raw))
	if got := f.status(f.token("invoices:read")); got != http.StatusOK {
		t.Fatalf("status %d, want 200", got)
	}
	stop()
	must(t, server.Wait())
	if got := len(collector.Spans()); got != 2 {
		t.Errorf("%d spans were sent, want 2", got)
	}
}

func TestTracingThatCannotBeDoneIsRefused(t *testing.T) {
	for name, tc := range map[string]struct{ headers, want string }{
		"a header without a name": {"Bearer s3cr3t", "line 1 is not a header"},
		"a header with a space":   {"A: b\nX Y: s3cr3t", "line 2 is not a header"},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := oauthtest.New(t)
			c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
			c.Tracing = &config.Tracing{Endpoint: "http://127.0.0.1:1", HeadersFile: writeTemp(t, []byte(tc.headers))}
			r := runtimetest.StartRaw(t, mustEncode(t, c))
			s := r.WaitStatus("an error", func(s app.ConfigStatus) bool { return strings.Contains(s.Error, "tracing") })
			if !strings.Contains(s.Error, tc.want) || strings.Contains(s.Error, "s3cr3t") {
				t.Errorf("error %q", s.Error)
			}
		})
	}
}
