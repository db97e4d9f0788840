package desired_test

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// The golden files of rules are what test/alerts gives to Prometheus.
func TestMonitoringOfTheSample(t *testing.T) {
	s := sample(t)
	s.Spec.Monitoring = &v1alpha1.Monitoring{}
	compare(t, "servicemonitor", desired.ServiceMonitor(s))
	compare(t, "prometheusrule", desired.PrometheusRule(s))
}

func TestMonitoringOfEveryField(t *testing.T) {
	s := sample(t)
	s.Spec.Monitoring = &v1alpha1.Monitoring{
		ScrapeSeconds: 15,
		Labels:        map[string]string{"release": "prometheus", "app.kubernetes.io/managed-by": "somebody"},
	}
	compare(t, "servicemonitor-every-field", desired.ServiceMonitor(s))
	s.Spec.Tokens.StaleKeysSeconds, s.Spec.Tokens.DPoP = 3600, v1alpha1.DPoPOptional
	s.Spec.RateLimit = &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{Address: "redis:6379"}}
	compare(t, "prometheusrule-shared", desired.PrometheusRule(s))
	s.Spec.Tokens = v1alpha1.Tokens{Type: v1alpha1.TokenTypeOpaque}
	compare(t, "prometheusrule-opaque", desired.PrometheusRule(s))
}

func TestAlertsAreThoseThatCanBeOfUse(t *testing.T) {
	redis := &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{Address: "redis:6379"}}
	tests := map[string]struct {
		change        func(*v1alpha1.SecuredMCPServerSpec)
		with, without []string
	}{
		"a server that is scaled to zero is down on purpose": {
			func(s *v1alpha1.SecuredMCPServerSpec) { s.Workload.Replicas = new(int32(0)) },
			[]string{"SecuredMCPConfigRefused"},
			[]string{"SecuredMCPServerDown"},
		},
		"opaque tokens are asked about": {
			func(s *v1alpha1.SecuredMCPServerSpec) { s.Tokens.Type = v1alpha1.TokenTypeOpaque },
			[]string{"SecuredMCPIntrospectionFailing"},
			[]string{"SecuredMCPKeysStale", "SecuredMCPIssuerUnreachable"},
		},
		"a rate limit without Redis is not shared, and need not be": {
			func(s *v1alpha1.SecuredMCPServerSpec) { s.RateLimit = &v1alpha1.RateLimit{Requests: 1} },
			[]string{"SecuredMCPKeysStale"},
			[]string{"SecuredMCPRateLimitNotShared", "SecuredMCPProofsNotShared"},
		},
		"without DPoP there are no proofs": {
			func(s *v1alpha1.SecuredMCPServerSpec) { s.RateLimit = redis },
			[]string{"SecuredMCPRateLimitNotShared"},
			[]string{"SecuredMCPProofsNotShared"},
		},
		"with DPoP there are": {
			func(s *v1alpha1.SecuredMCPServerSpec) { s.RateLimit, s.Tokens.DPoP = redis, v1alpha1.DPoPRequired },
			[]string{"SecuredMCPProofsNotShared"},
			nil,
		},
		"without upstreams none fails": {
			func(s *v1alpha1.SecuredMCPServerSpec) { s.Upstreams = nil },
			[]string{"SecuredMCPServerDown"},
			[]string{"SecuredMCPUpstreamFailing", "SecuredMCPUpstreamSlow"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := sample(t)
			s.Spec.Monitoring = &v1alpha1.Monitoring{Alerts: v1alpha1.AlertsEnabled}
			test.change(&s.Spec)
			got := alertNames(t, desired.PrometheusRule(s))
			for _, alert := range test.with {
				if !slices.Contains(got, alert) {
					t.Errorf("no %s among %v", alert, got)
				}
			}
			for _, alert := range test.without {
				if slices.Contains(got, alert) {
					t.Errorf("there is %s", alert)
				}
			}
		})
	}
}

func alertNames(t *testing.T, rule *unstructured.Unstructured) (names []string) {
	t.Helper()
	groups, _, err := unstructured.NestedSlice(rule.Object, "spec", "groups")
	if err != nil || len(groups) != 1 {
		t.Fatalf("%d groups (%v), want one", len(groups), err)
	}
	for _, r := range groups[0].(map[string]any)["rules"].([]any) {
		names = append(names, r.(map[string]any)["alert"].(string))
	}
	return names
}

func TestNoMonitoringUnlessAskedFor(t *testing.T) {
	s := sample(t)
	if desired.ServiceMonitor(s) != nil || desired.PrometheusRule(s) != nil {
		t.Error("want neither: monitoring is not asked for")
	}
	s.Spec.Monitoring = &v1alpha1.Monitoring{Alerts: v1alpha1.AlertsDisabled}
	if desired.ServiceMonitor(s) == nil || desired.PrometheusRule(s) != nil {
		t.Error("want a ServiceMonitor alone: alerts are disabled")
	}
}
