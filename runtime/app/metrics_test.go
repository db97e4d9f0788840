package app_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// families returns the runtime's own metrics by name.
func families(t *testing.T, r *runtimetest.Runtime) map[string]*dto.MetricFamily {
	t.Helper()
	_, body := r.Admin("/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	must(t, err)
	maps.DeleteFunc(all, func(name string, _ *dto.MetricFamily) bool { return !strings.HasPrefix(name, "securedmcp_") })
	return all
}

// series returns the label values of a family's series, by label.
func series(f *dto.MetricFamily) map[string][]string {
	values := map[string][]string{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			values[l.GetName()] = append(values[l.GetName()], l.GetValue())
		}
	}
	return values
}

func TestTheReferenceOfMetricsIsComplete(t *testing.T) {
	f := start(t)
	f.lookup(f.token("invoices:read"))
	shown := map[string]string{}
	for name, family := range families(t, f.Runtime) {
		labels := slices.Sorted(maps.Keys(series(family)))
		shown[name] = strings.ToLower(family.GetType().String()) + " " + strings.Join(labels, ",")
	}
	raw, err := os.ReadFile("../../docs/reference/metrics.md")
	must(t, err)
	written := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(securedmcp_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*)\\|").FindAllStringSubmatch(string(raw), -1) {
		labels := strings.FieldsFunc(row[3], func(c rune) bool { return strings.ContainsRune("`, ", c) })
		slices.Sort(labels)
		written[row[1]] = row[2] + " " + strings.Join(labels, ",")
	}
	if diff := cmp.Diff(shown, written); diff != "" {
		t.Errorf("/metrics and docs/reference/metrics.md differ (-shown +written):\n%s", diff)
	}
}

// words returns what is set in code in the reference of metrics.
func words(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile("../../docs/reference/metrics.md")
	must(t, err)
	found := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(string(raw), -1) {
		found[m[1]] = true
	}
	return found
}

func TestNothingThatACallerSendsBecomesALabel(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Limits.RequestBytes = 10_000 })
	good := f.token("invoices:read")
	// One at a time, each of them would wait for the keys.
	var unknown sync.WaitGroup
	for i := range 50 {
		odd := fmt.Sprintf("odd-%d", i)
		unknown.Go(func() { f.Do(runtimetest.Request{Token: f.issuer.Token(nil, oauthtest.Header("kid", odd))}) })
		for _, q := range []runtimetest.Request{
			{Token: odd},
			{Token: odd + ".e30.AA"},
			{Token: f.issuer.Token(oauthtest.Claims{"iss": odd, "aud": odd, "sub": odd})},
			{Token: f.issuer.Token(nil, oauthtest.Header("alg", odd), oauthtest.Header("typ", odd))},
			{Token: good, Method: odd},
			{Token: good, Version: odd},
			{Token: good, Host: odd},
			{Token: good, URL: runtimetest.Resource + "?" + odd},
			{Token: good, HTTPMethod: strings.ToUpper("X" + odd)},
			{Token: good, Header: map[string][]string{"Origin": {"https://" + odd}}},
			{Token: good, Header: map[string][]string{"X-Request-Id": {odd}, "Traceparent": {odd}}},
			{Token: good, Body: strings.Repeat(odd, 5000)},
			{Token: good, Body: odd},
			runtimetest.Call(good, odd, nil),
			runtimetest.Call(good, "lookup_invoice", map[string]any{"invoiceId": odd}),
			runtimetest.Call(good, "lookup_invoice", map[string]any{odd: odd}),
			runtimetest.Call(good, "void_invoice", map[string]any{"invoiceId": odd}),
		} {
			f.Do(q)
		}
	}
	unknown.Wait()
	allowed := words(t)
	for _, name := range []string{"lookup_invoice", "void_invoice", "billing-api", "2xx", "4xx", "5xx", f.Status().Revision} {
		allowed[name] = true
	}
	seen := 0
	for name, family := range families(t, f.Runtime) {
		for label, values := range series(family) {
			seen += len(values)
			for _, value := range values {
				if !allowed[value] {
					t.Errorf("%s{%s=%q}: neither in the reference nor in the configuration", name, label, value)
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d label values were seen", seen)
	}
}

func TestMetricsOfRequestsAndOfTheCache(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	for range 3 {
		f.lookup(token)
	}
	f.void(token)
	f.Do(runtimetest.Request{})
	f.Do(runtimetest.Request{Token: token, Version: "1999-01-01"})
	text := metricsOf(f)
	for _, want := range []string{
		`securedmcp_requests_total{outcome="ok",reason="ok"} 3`,
		`securedmcp_requests_total{outcome="denied",reason="insufficient_scope"} 1`,
		`securedmcp_requests_total{outcome="denied",reason="no_token"} 1`,
		`securedmcp_requests_total{outcome="invalid",reason="unsupported_version"} 1`,
		`securedmcp_token_cache_lookups_total{result="hit"} 4`,
		`securedmcp_token_cache_lookups_total{result="miss"} 1`,
		`securedmcp_token_verification_seconds_count 1`,
		`securedmcp_tool_calls_total{decision="denied",reason="insufficient_scope",tool="void_invoice"} 1`,
		`securedmcp_tool_calls_total{decision="allowed",reason="ok",tool="lookup_invoice"} 3`,
		`securedmcp_upstream_seconds_count{answer="2xx",upstream="billing-api"} 3`,
		`securedmcp_issuer_key_fetches_total{result="ok"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

func TestMetricsOfTheConfiguration(t *testing.T) {
	f := start(t)
	good := f.Status().Revision
	has := func(lines ...string) bool {
		text := metricsOf(f)
		return !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(text, line+"\n") })
	}
	info := fmt.Sprintf(`securedmcp_config_info{revision=%q} 1`, good)
	if !has(info, "securedmcp_config_last_reload_successful 1", `securedmcp_config_reloads_total{result="ok"} 1`) {
		t.Errorf("the first configuration is not shown: %s", metricsOf(f))
	}
	raw := mustEncode(t, runtimetest.Billing(f.issuer.Issuer(), f.api.URL))
	f.ReplaceRaw([]byte("{"))
	runtimetest.Eventually(t, "the refusal", func() bool {
		return has(info, "securedmcp_config_last_reload_successful 0", `securedmcp_config_reloads_total{result="error"} 1`)
	}, f.Logs)
	f.ReplaceRaw(raw)
	runtimetest.Eventually(t, "the good one", func() bool { return has(info, "securedmcp_config_last_reload_successful 1") }, f.Logs)
	if got := f.status(f.token("invoices:read")); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

// Who does not wait for an answer says nothing about the upstream.
func TestACallThatIsGivenUpIsNoFailureOfItsUpstream(t *testing.T) {
	entered := make(chan struct{})
	api := runtimetest.NewAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	f := startWith(t, func(c *config.RuntimeConfig) { c.Upstreams[0].HTTP.URL = api.URL })
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-entered
		leave()
	}()
	q := runtimetest.Call(f.token("invoices:read"), "lookup_invoice", map[string]any{"invoiceId": "1"})
	resp, err := f.HTTP.Do(f.NewRequest(q).WithContext(ctx))
	if err == nil {
		resp.Body.Close()
	}
	var body string
	runtimetest.Eventually(t, "the call to be counted", func() bool {
		_, metrics := f.Admin("/metrics")
		body = string(metrics)
		return strings.Contains(body, "securedmcp_upstream_seconds_count{")
	}, f.Logs)
	if !strings.Contains(body, `securedmcp_upstream_seconds_count{answer="left",upstream="billing-api"} 1`) {
		t.Errorf("the call is counted otherwise:\n%s", body)
	}
}
