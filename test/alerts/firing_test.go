package alerts

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// series are time series in the notation of promtool, by metric and labels: a
// value a minute.
type series map[string]string

const (
	hour = 60
	// aDay is one that lies behind, and the hour after it.
	aDay = 25 * hour
)

func always(value float64) string { return fmt.Sprintf("%g+0x%d", value, aDay) }
func rising(by float64) string    { return fmt.Sprintf("0+%gx%d", by, aDay) }
func fromNowOn(by float64) string { return fmt.Sprintf("_x%d 0+%gx%d", aDay-hour, by, hour) }
func until(step, by float64) string {
	return fmt.Sprintf("0+%gx%d", step, aDay-hour) + fmt.Sprintf(" %g+%gx%d", step*(aDay-hour), by, hour)
}

func ofPod(pod, metric, labels string) string {
	return fmt.Sprintf(`%s{namespace="billing",service="billing-tools",instance="%s:9090",pod="%s"%s}`, metric, pod, pod, labels)
}

// healthy is what two pods show that nobody has to look after.
func healthy() series {
	s := series{}
	for _, pod := range []string{"one", "two"} {
		maps.Copy(s, series{
			ofPod(pod, "up", ""): always(1),
			ofPod(pod, "securedmcp_config_info", `,revision="1"`):      always(1),
			ofPod(pod, "securedmcp_config_last_reload_successful", ""): always(1),
			ofPod(pod, "securedmcp_rate_limit_shared", ""):             always(1),
			ofPod(pod, "securedmcp_dpop_replay_shared", ""):            always(1),
			ofPod(pod, "securedmcp_issuer_keys_age_seconds", ""):       always(150),

			ofPod(pod, "securedmcp_requests_total", `,outcome="ok",reason="ok"`):             rising(600),
			ofPod(pod, "securedmcp_requests_total", `,outcome="denied",reason="no_token"`):   rising(60),
			ofPod(pod, "securedmcp_requests_total", `,outcome="failed",reason="overloaded"`): always(3),

			ofPod(pod, "securedmcp_issuer_key_fetches_total", `,result="ok"`):             rising(0.2),
			ofPod(pod, "securedmcp_issuer_key_fetches_total", `,result="error"`):          rising(0.1),
			ofPod(pod, "securedmcp_introspection_seconds_count", `,result="ok"`):          rising(60),
			ofPod(pod, "securedmcp_introspection_seconds_count", `,result="error"`):       rising(1),
			ofPod(pod, "securedmcp_upstream_seconds_count", `,upstream="a",answer="2xx"`): rising(100),
			ofPod(pod, "securedmcp_upstream_seconds_count", `,upstream="a",answer="5xx"`): rising(1),
			ofPod(pod, "securedmcp_upstream_seconds_bucket", `,upstream="a",le="1"`):      rising(100),
			ofPod(pod, "securedmcp_upstream_seconds_bucket", `,upstream="a",le="10"`):     rising(101),
			ofPod(pod, "securedmcp_upstream_seconds_bucket", `,upstream="a",le="+Inf"`):   rising(101),
		})
	}
	return s
}

// without drops the series of a metric of pod.
func (s series) without(names ...string) series {
	for _, name := range names {
		delete(s, name)
	}
	return s
}

func (s series) with(more series) series {
	maps.Copy(s, more)
	return s
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	info := ofPod("one", "securedmcp_config_info", `,revision="1"`)
	tests := map[string]struct {
		rules  string
		minute int
		series series
		want   []string
	}{
		"all is well":                    {shared, aDay, healthy(), nil},
		"all is well with opaque tokens": {opaque, hour, healthy(), nil},
		"nothing is there":               {shared, hour, series{}, []string{"SecuredMCPServerDown"}},
		"no pod can be scraped": {
			shared, hour, series{ofPod("one", "up", ""): always(0)}, []string{"SecuredMCPServerDown"},
		},
		"pods run and none has a configuration": {
			shared, hour, series{ofPod("one", "up", ""): always(1)}, []string{"SecuredMCPConfigNotLoaded", "SecuredMCPServerDown"},
		},
		"the trouble of another server": {
			shared, hour, healthy().with(series{
				`up{namespace="other",service="billing-tools",instance="x"}`:                                        always(0),
				`securedmcp_config_last_reload_successful{namespace="billing",service="other",instance="x"}`:        always(0),
				`securedmcp_config_info{namespace="billing",service="other",instance="x",revision="2"}`:             always(1),
				`securedmcp_requests_total{namespace="billing",service="other",outcome="failed",reason="internal"}`: rising(600),
			}), nil,
		},
		"a pod that starts has shown no good moment yet": {
			shared, hour, healthy().without(info).with(series{
				ofPod("one", "securedmcp_config_last_reload_successful", ""): always(0),
				ofPod("one", "securedmcp_rate_limit_shared", ""):             always(0),
				ofPod("one", "securedmcp_dpop_replay_shared", ""):            always(0),
			}), []string{"SecuredMCPConfigNotLoaded"},
		},
		"a pod refuses its configuration": {
			shared, hour, healthy().with(series{ofPod("one", "securedmcp_config_last_reload_successful", ""): always(0)}), []string{"SecuredMCPConfigRefused"},
		},
		"a pod has the configuration before": {
			shared, hour, healthy().without(info).with(series{ofPod("one", "securedmcp_config_info", `,revision="0"`): always(1)}),
			[]string{"SecuredMCPConfigBehind"},
		},
		"one request of ten fails": {
			shared, hour, healthy().with(series{ofPod("one", "securedmcp_requests_total", `,outcome="failed",reason="overloaded"`): rising(150)}),
			[]string{"SecuredMCPRequestsFailing"},
		},
		"a reason for denials that is new": {
			shared, aDay, healthy().with(series{ofPod("one", "securedmcp_requests_total", `,outcome="denied",reason="bad_signature"`): fromNowOn(60)}),
			[]string{"SecuredMCPDenialsRising"},
		},
		"ten times the usual denials": {
			shared, aDay, healthy().with(series{ofPod("one", "securedmcp_requests_total", `,outcome="denied",reason="no_token"`): until(60, 1200)}),
			[]string{"SecuredMCPDenialsRising"},
		},
		"a reason for denials on the server's first day": {
			shared, hour, healthy().with(series{ofPod("one", "securedmcp_requests_total", `,outcome="denied",reason="bad_signature"`): rising(60)}), nil,
		},
		"clients that need a nonce are as many as they like": {
			shared, aDay, healthy().with(series{ofPod("one", "securedmcp_requests_total", `,outcome="denied",reason="nonce_needed"`): fromNowOn(600)}), nil,
		},
		"the issuer is away": {
			shared, hour, healthy().with(series{
				ofPod("one", "securedmcp_issuer_key_fetches_total", `,result="ok"`):    always(10),
				ofPod("two", "securedmcp_issuer_key_fetches_total", `,result="ok"`):    always(10),
				ofPod("one", "securedmcp_issuer_key_fetches_total", `,result="error"`): rising(0.5),
			}), []string{"SecuredMCPIssuerUnreachable"},
		},
		"the keys are half as old as they may get": {
			shared, hour, healthy().with(series{ofPod("two", "securedmcp_issuer_keys_age_seconds", ""): always(1900)}), []string{"SecuredMCPKeysStale"},
		},
		"the issuer answers four of five questions": {
			opaque, hour, healthy().with(series{
				ofPod("one", "securedmcp_introspection_seconds_count", `,result="error"`): rising(15),
				ofPod("two", "securedmcp_introspection_seconds_count", `,result="error"`): rising(15),
			}), []string{"SecuredMCPIntrospectionFailing"},
		},
		"Redis is away": {
			shared, hour, healthy().with(series{
				ofPod("one", "securedmcp_rate_limit_shared", ""):  always(0),
				ofPod("one", "securedmcp_dpop_replay_shared", ""): always(0),
			}), []string{"SecuredMCPProofsNotShared", "SecuredMCPRateLimitNotShared"},
		},
		"an upstream fails one time of five": {
			shared, hour, healthy().with(series{
				ofPod("one", "securedmcp_upstream_seconds_count", `,upstream="b",answer="2xx"`):     rising(80),
				ofPod("one", "securedmcp_upstream_seconds_count", `,upstream="b",answer="timeout"`): rising(20),
			}), []string{"SecuredMCPUpstreamFailing"},
		},
		"an upstream is slow one time of ten": {
			shared, hour, healthy().with(series{
				ofPod("one", "securedmcp_upstream_seconds_bucket", `,upstream="b",le="1"`):    rising(90),
				ofPod("one", "securedmcp_upstream_seconds_bucket", `,upstream="b",le="10"`):   rising(100),
				ofPod("one", "securedmcp_upstream_seconds_bucket", `,upstream="b",le="+Inf"`): rising(100),
			}), []string{"SecuredMCPUpstreamSlow"},
		},
	}
	fired := map[string]bool{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			runCase(t, test.rules, test.series.expect(test.minute, test.want...))
		})
		for _, alert := range test.want {
			fired[alert] = true
		}
	}
	for _, r := range allRules(t) {
		if !fired[r.Alert] {
			t.Errorf("no case has %s fire", r.Alert)
		}
	}
}

// expect is a test of promtool: at that minute exactly these alerts fire.
func (s series) expect(minute int, alerts ...string) map[string]any {
	var input []any
	for _, name := range slices.Sorted(maps.Keys(s)) {
		input = append(input, map[string]any{"series": name, "values": s[name]})
	}
	samples := []any{}
	for _, alert := range alerts {
		samples = append(samples, map[string]any{"labels": fmt.Sprintf(`{alertname=%q}`, alert), "value": 1})
	}
	return map[string]any{
		"interval":     "1m",
		"input_series": input,
		"promql_expr_test": []any{map[string]any{
			"expr":        `group by (alertname) (ALERTS{alertstate="firing"})`,
			"eval_time":   fmt.Sprintf("%dm", minute),
			"exp_samples": samples,
		}},
	}
}

// What a person reads has the figures and the names filled in.
func TestAlertsSayWhatTheyAreAbout(t *testing.T) {
	s := healthy().with(series{ofPod("two", "securedmcp_issuer_keys_age_seconds", ""): always(3000)})
	test := s.expect(hour, "SecuredMCPKeysStale")
	test["alert_rule_test"] = []any{map[string]any{
		"eval_time": "1h", "alertname": "SecuredMCPKeysStale",
		"exp_alerts": []any{map[string]any{
			"exp_labels": map[string]any{"severity": "critical", "namespace": "billing", "securedmcpserver": "billing-tools"},
			"exp_annotations": map[string]any{
				"summary":     "SecuredMCPServer billing/billing-tools: the issuer's keys are 50m 0s old",
				"description": "When they are 3600 seconds old, every request is answered 503 until the issuer can be reached.",
				"runbook_url": "https://github.com/securedmcp/operator/blob/main/docs/runbooks/SecuredMCPKeysStale.md",
			},
		}},
	}}
	runCase(t, shared, test)
}

func runCase(t *testing.T, golden string, test map[string]any) {
	t.Helper()
	promtool(t, "test", "rules", writeYAML(t, "case", map[string]any{
		"rule_files":          []string{writeYAML(t, "rules", rulesOf(t, golden))},
		"evaluation_interval": "5m",
		"tests":               []any{test},
	}))
}
