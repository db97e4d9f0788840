package desired

import (
	"cmp"
	"fmt"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// alert is one alert of the PrometheusRule, each with a page in docs/runbooks.
type alert struct {
	name, expr string
	// lasting is how long the expression holds before anybody is told.
	lasting  string
	severity string
	// summary is one line, after the name of the server; description says more.
	summary, description string
}

const (
	// critical is for what callers see, or are about to: wake somebody.
	critical = "critical"
	warning  = "warning"
)

const (
	defaultStaleKeys = 86400
	// leastKeysAge is more than keys of a healthy issuer ever have: they are fetched
	// every five minutes.
	leastKeysAge = 450
)

// alertsOf returns the alerts that have a meaning for s.
func alertsOf(s *v1alpha1.SecuredMCPServer) []alert {
	var all []alert
	if MinReplicas(s) > 0 {
		all = append(all, down)
	}
	all = append(all, configNotLoaded, configRefused, configBehind, requestsFailing, denialsRising)
	if s.Spec.Tokens.Type == v1alpha1.TokenTypeOpaque {
		all = append(all, introspectionFailing)
	} else {
		all = append(all, issuerUnreachable, keysStale(s.Spec.Tokens.StaleKeysSeconds))
	}
	if s.Spec.RateLimit != nil && s.Spec.RateLimit.Redis != nil {
		all = append(all, rateLimitNotShared)
		if cmp.Or(s.Spec.Tokens.DPoP, v1alpha1.DPoPDisabled) != v1alpha1.DPoPDisabled {
			all = append(all, proofsNotShared)
		}
	}
	if len(s.Spec.Upstreams) > 0 {
		all = append(all, upstreamFailing, upstreamSlow)
	}
	return all
}

var down = alert{
	name:        "SecuredMCPServerDown",
	expr:        `absent(up{SERVER} == 1 and on (instance) securedmcp_config_info{SERVER})`,
	lasting:     "3m",
	severity:    critical,
	summary:     "no replica serves",
	description: "No pod that Prometheus can scrape has a configuration in force. Either nothing runs, or Prometheus does not find or reach the pods.",
}

var configNotLoaded = alert{
	name:        "SecuredMCPConfigNotLoaded",
	expr:        `up{SERVER} == 1 unless on (instance) securedmcp_config_info{SERVER}`,
	lasting:     "5m",
	severity:    warning,
	summary:     "pod {{ $labels.pod }} has not loaded any configuration",
	description: "The pod runs and is not ready: it has refused every configuration since it started, or waits for the issuer's keys or for a Secret.",
}

var configRefused = alert{
	name:        "SecuredMCPConfigRefused",
	expr:        `securedmcp_config_last_reload_successful{SERVER} == 0 and on (instance) securedmcp_config_info{SERVER}`,
	lasting:     "2m",
	severity:    critical,
	summary:     "pod {{ $labels.pod }} refuses its newest configuration",
	description: "The pod goes on with the configuration before. A scope or a subject that was just revoked may still be let in.",
}

var configBehind = alert{
	name:        "SecuredMCPConfigBehind",
	expr:        `count(count by (revision) (securedmcp_config_info{SERVER})) > 1`,
	lasting:     "5m",
	severity:    critical,
	summary:     "replicas enforce {{ $value }} different configurations",
	description: "A change has reached some pods and not others. Who is let in depends on the pod that is asked.",
}

var requestsFailing = alert{
	name: "SecuredMCPRequestsFailing",
	expr: `sum(rate(securedmcp_requests_total{SERVER,outcome="failed"}[5m]))
  / sum(rate(securedmcp_requests_total{SERVER}[5m])) > 0.05`,
	lasting:     "5m",
	severity:    critical,
	summary:     "{{ $value | humanizePercentage }} of the requests fail",
	description: "Requests are answered 500 or 503 by the server itself: it is overloaded, cannot verify tokens, or has a fault.",
}

// denialsRising compares with the day before, since what is usual differs from
// server to server: every client begins with a request without a token. A reason
// that the day before did not have is compared with nothing, and a server that the
// day before did not have is not judged: its average would be over hours without it.
var denialsRising = alert{
	name: "SecuredMCPDenialsRising",
	expr: `sum by (reason) (rate(securedmcp_requests_total{SERVER,outcome="denied",reason!="nonce_needed"}[10m])) > 0.5
  unless
sum by (reason) (rate(securedmcp_requests_total{SERVER,outcome="denied",reason!="nonce_needed"}[10m]))
  <= 5 * sum by (reason) (rate(securedmcp_requests_total{SERVER,outcome="denied",reason!="nonce_needed"}[1d] offset 10m))
  and on () count(securedmcp_requests_total{SERVER} offset 1d) > 0`,
	lasting:     "10m",
	severity:    warning,
	summary:     "{{ $value | humanize }} requests a second are denied as {{ $labels.reason }}",
	description: "That is more than five times as many as on average in the day before: an attack, a client that broke, or a change of the issuer or of this server.",
}

var issuerUnreachable = alert{
	name: "SecuredMCPIssuerUnreachable",
	expr: `sum(increase(securedmcp_issuer_key_fetches_total{SERVER,result="error"}[15m])) > 0
  unless sum(increase(securedmcp_issuer_key_fetches_total{SERVER,result="ok"}[15m])) > 0`,
	lasting:     "5m",
	severity:    warning,
	summary:     "the issuer's keys cannot be fetched",
	description: "No pod has fetched them for a quarter of an hour. Tokens of known keys are still accepted; keys that the issuer withdraws meanwhile are too.",
}

// keysStale alerts when half of the time has passed after which no token is
// accepted any more.
func keysStale(bound int32) alert {
	bound = cmp.Or(bound, defaultStaleKeys)
	return alert{
		name:        "SecuredMCPKeysStale",
		expr:        fmt.Sprintf(`max(securedmcp_issuer_keys_age_seconds{SERVER}) > %d`, max(bound/2, leastKeysAge)),
		lasting:     "1m",
		severity:    critical,
		summary:     "the issuer's keys are {{ $value | humanizeDuration }} old",
		description: fmt.Sprintf("When they are %d seconds old, every request is answered 503 until the issuer can be reached.", bound),
	}
}

var introspectionFailing = alert{
	name: "SecuredMCPIntrospectionFailing",
	expr: `sum(rate(securedmcp_introspection_seconds_count{SERVER,result="error"}[5m]))
  / sum(rate(securedmcp_introspection_seconds_count{SERVER}[5m])) > 0.1`,
	lasting:     "5m",
	severity:    critical,
	summary:     "the issuer does not answer {{ $value | humanizePercentage }} of the questions about tokens",
	description: "Callers whose token is not remembered are answered 503.",
}

var rateLimitNotShared = alert{
	name:        "SecuredMCPRateLimitNotShared",
	expr:        `securedmcp_rate_limit_shared{SERVER} == 0 and on (instance) securedmcp_config_info{SERVER}`,
	lasting:     "5m",
	severity:    warning,
	summary:     "pod {{ $labels.pod }} limits callers on its own",
	description: "The Redis of spec.rateLimit does not answer. A caller can ask as often as the limit says at every replica.",
}

var proofsNotShared = alert{
	name:        "SecuredMCPProofsNotShared",
	expr:        `securedmcp_dpop_replay_shared{SERVER} == 0 and on (instance) securedmcp_config_info{SERVER}`,
	lasting:     "5m",
	severity:    warning,
	summary:     "pod {{ $labels.pod }} remembers DPoP proofs on its own",
	description: "The Redis of spec.rateLimit does not answer. A proof that somebody has overheard can be used once more at every other replica, within its minutes of validity.",
}

var upstreamFailing = alert{
	name: "SecuredMCPUpstreamFailing",
	expr: `sum by (upstream) (rate(securedmcp_upstream_seconds_count{SERVER,answer=~"5xx|timeout|error"}[10m]))
  / sum by (upstream) (rate(securedmcp_upstream_seconds_count{SERVER}[10m])) > 0.1`,
	lasting:     "10m",
	severity:    warning,
	summary:     "{{ $value | humanizePercentage }} of the calls to upstream {{ $labels.upstream }} fail",
	description: "The upstream answers with 5xx, too late, or not at all. Tools that are made of it fail; others are served.",
}

var upstreamSlow = alert{
	name:        "SecuredMCPUpstreamSlow",
	expr:        `histogram_quantile(0.99, sum by (le, upstream) (rate(securedmcp_upstream_seconds_bucket{SERVER}[10m]))) > 5`,
	lasting:     "10m",
	severity:    warning,
	summary:     "one in a hundred calls to upstream {{ $labels.upstream }} takes {{ $value | humanizeDuration }} or longer",
	description: "Callers wait, and so do others behind them once limits.concurrentRequests is reached. Calls end at the upstream's timeoutSeconds.",
}
