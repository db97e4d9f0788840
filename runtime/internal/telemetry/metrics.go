// Package telemetry holds the metrics of the runtime. Label values come from
// closed sets or from the configuration, never from callers.
package telemetry

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/sharedstore"
)

// Metrics are the runtime's own; the zero value is not usable.
type Metrics struct {
	requests      *prometheus.CounterVec
	verifications *prometheus.CounterVec
	verifySeconds prometheus.Histogram
	cacheLookups  *prometheus.CounterVec
	cacheHits     prometheus.Counter // of cacheLookups, for every request has one
	cacheMisses   prometheus.Counter
	keyFetches    *prometheus.CounterVec
	keysRefused   *prometheus.CounterVec
	toolCalls     *prometheus.CounterVec
	upstream      *prometheus.HistogramVec
	reloads       *prometheus.CounterVec
	config        *prometheus.GaugeVec
	configGood    prometheus.Gauge
	configLoaded  prometheus.Gauge
	rateShared    atomic.Pointer[sharedstore.Breaker]
	dpopShared    atomic.Pointer[sharedstore.Breaker]
	introspection *prometheus.HistogramVec
	spans         *prometheus.CounterVec
}

// New registers the metrics, and those of the Go runtime and the process, with
// registry.
func New(registry *prometheus.Registry) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "securedmcp", Name: name, Help: help}, labels)
	}
	m := &Metrics{
		requests:      counter("requests_total", "Requests to the MCP endpoint, by outcome (ok, denied, invalid or failed) and reason.", "outcome", "reason"),
		verifications: counter("token_verifications_total", "Tokens verified anew, by result: ok or the reason of the refusal.", "result"),
		keyFetches:    counter("issuer_key_fetches_total", "Fetches of the issuer's keys, by result: ok or error.", "result"),
		keysRefused:   counter("issuer_keys_refused_total", "Keys that the issuer published and that were refused at a fetch, by kind: private or symmetric.", "kind"),
		toolCalls:     counter("tool_calls_total", "Calls of declared tools, by decision and result.", "tool", "decision", "reason"),
		spans:         counter("trace_spans_total", "Spans that were sent to the collector, by result: ok or error.", "result"),
		reloads:       counter("config_reloads_total", "Configurations that were put in force or refused, by result: ok or error.", "result"),
		verifySeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "securedmcp", Name: "token_verification_seconds", Help: "Time to verify a token that was not remembered.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .1, 1, 5},
		}),
		cacheLookups: counter("token_cache_lookups_total", "Tokens that were looked up among the remembered verdicts, by result: hit or miss.", "result"),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "securedmcp", Name: "upstream_seconds", Help: "Time of upstream calls, by upstream and class of the answer: 2xx to 5xx, timeout, error, or left by the caller.",
			Buckets: prometheus.DefBuckets,
		}, []string{"upstream", "answer"}),
		config: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "securedmcp", Name: "config_info", Help: "1 for the revision of the configuration that is enforced.",
		}, []string{"revision"}),
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "securedmcp", Name: name, Help: help})
	}
	m.configGood = gauge("config_last_reload_successful", "1 while the newest configuration is in force, 0 while it is refused and an older one is.")
	m.configLoaded = gauge("config_loaded_timestamp_seconds", "When the configuration in force was loaded, in seconds since the epoch.")
	shared := func(name, help string, store *atomic.Pointer[sharedstore.Breaker]) prometheus.GaugeFunc {
		up := func() float64 { return boolValue(store.Load().Up()) }
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "securedmcp", Name: name, Help: help}, up)
	}
	m.introspection = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "securedmcp", Name: "introspection_seconds", Help: "Time of questions to the issuer about opaque tokens, by result: ok or error.",
		Buckets: prometheus.DefBuckets,
	}, []string{"result"})
	registry.MustRegister(
		shared("rate_limit_shared", "1 while replicas share the rate limit through its store, 0 while each limits on its own.", &m.rateShared),
		shared("dpop_replay_shared", "1 while replicas share the memory of DPoP proofs through its store, 0 while each has its own.", &m.dpopShared),
		m.introspection, m.requests, m.verifications, m.keyFetches, m.keysRefused, m.toolCalls, m.reloads, m.spans,
		m.verifySeconds, m.cacheLookups, m.upstream, m.config, m.configGood, m.configLoaded,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

// begin makes series of what is to be watched before it first happens: the rate
// of a counter that appears with its first event misses that event.
func (m *Metrics) begin() {
	for _, result := range []string{"ok", "error"} {
		for _, c := range []*prometheus.CounterVec{m.keyFetches, m.reloads, m.spans} {
			c.WithLabelValues(result)
		}
		m.introspection.WithLabelValues(result)
	}
	for _, kind := range []string{"private", "symmetric"} {
		m.keysRefused.WithLabelValues(kind)
	}
	m.cacheHits, m.cacheMisses = m.cacheLookups.WithLabelValues("hit"), m.cacheLookups.WithLabelValues("miss")
	m.requests.WithLabelValues("ok", "ok")
	m.verifications.WithLabelValues("ok")
}

// Request counts a request by the status of its answer and the reason for it.
func (m *Metrics) Request(status int, reason string) {
	m.requests.WithLabelValues(outcome(status, reason), reason).Inc()
}

// outcome tells those who were kept out from those who asked for nonsense. An error of
// MCP has the status 200 for clients of before 2026-07-28, and is one nevertheless.
func outcome(status int, reason string) string {
	switch {
	case status >= http.StatusInternalServerError, reason == "server_error":
		return "failed"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return "denied"
	case status >= http.StatusBadRequest, reason == "client_error":
		return "invalid"
	}
	return "ok"
}

// TokenCached implements authn.VerifyObserver.
func (m *Metrics) TokenCached() { m.cacheHits.Inc() }

// TokenVerified implements authn.VerifyObserver.
func (m *Metrics) TokenVerified(took time.Duration, err error) {
	m.cacheMisses.Inc()
	m.verifySeconds.Observe(took.Seconds())
	result := "ok"
	if refusal, ok := errors.AsType[*authn.Error](err); ok {
		result = string(refusal.Reason)
	}
	m.verifications.WithLabelValues(result).Inc()
}

// Introspected implements authn.OpaqueObserver.
func (m *Metrics) Introspected(took time.Duration, err error) {
	m.introspection.WithLabelValues(okOrError(err)).Observe(took.Seconds())
}

// KeysFetched implements authn.KeysObserver.
func (m *Metrics) KeysFetched(_ string, err error) {
	m.keyFetches.WithLabelValues(okOrError(err)).Inc()
}

// KeyRefused implements authn.KeysObserver.
func (m *Metrics) KeyRefused(kind string) { m.keysRefused.WithLabelValues(kind).Inc() }

// ToolCalled counts a call of a declared tool.
func (m *Metrics) ToolCalled(tool, decision, reason string) {
	m.toolCalls.WithLabelValues(tool, decision, reason).Inc()
}

// UpstreamAnswered observes one upstream call.
func (m *Metrics) UpstreamAnswered(upstream, answer string, took time.Duration) {
	m.upstream.WithLabelValues(upstream, answer).Observe(took.Seconds())
}

// SpansExported counts spans that were sent, or not.
func (m *Metrics) SpansExported(spans int, err error) {
	m.spans.WithLabelValues(okOrError(err)).Add(float64(spans))
}

// Shared shows from now on whether replicas share the rate limit, and the memory
// of DPoP proofs, through stores; nil is none.
func (m *Metrics) Shared(rate, proofs *sharedstore.Breaker) {
	m.rateShared.Store(rate)
	m.dpopShared.Store(proofs)
}

// ConfigGood shows that the newest configuration is the one in force, without a
// reload: it was taken back to that.
func (m *Metrics) ConfigGood() { m.configGood.Set(1) }

// ConfigLoaded counts a reload and shows the revision in force.
func (m *Metrics) ConfigLoaded(revision string, err error) {
	m.reloads.WithLabelValues(okOrError(err)).Inc()
	m.configGood.Set(boolValue(err == nil))
	if err == nil {
		m.configLoaded.SetToCurrentTime()
		m.config.Reset()
		m.config.WithLabelValues(revision).Set(1)
	}
}

func boolValue(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

func okOrError(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
