package desired

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// runbooks is where the annotation runbook_url of alerts leads to.
const runbooks = "https://github.com/securedmcp/operator/blob/main/docs/runbooks/"

// PrometheusRule alerts on what a person has to see to. It is nil unless
// spec.monitoring asks for alerts.
func PrometheusRule(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	m := s.Spec.Monitoring
	if m == nil || m.Alerts == v1alpha1.AlertsDisabled {
		return nil
	}
	var rules []any
	for _, a := range alertsOf(s) {
		rules = append(rules, a.rule(s))
	}
	return monitored(s, "PrometheusRule", map[string]any{
		"groups": []any{map[string]any{"name": "securedmcp." + s.Namespace + "." + s.Name, "rules": rules}},
	})
}

// rule is a as the rules of Prometheus are written. SERVER in an expression
// stands for the labels of what one server's pods show.
func (a alert) rule(s *v1alpha1.SecuredMCPServer) map[string]any {
	server := fmt.Sprintf(`namespace=%q,service=%q`, s.Namespace, s.Name)
	return map[string]any{
		"alert": a.name,
		"expr":  strings.ReplaceAll(a.expr, "SERVER", server),
		"for":   a.lasting,
		// An expression that sums up, or finds nothing, has lost these.
		"labels": map[string]any{"severity": a.severity, "namespace": s.Namespace, "securedmcpserver": s.Name},
		"annotations": map[string]any{
			"summary":     fmt.Sprintf("SecuredMCPServer %s/%s: %s", s.Namespace, s.Name, a.summary),
			"description": a.description,
			"runbook_url": runbooks + a.name + ".md",
		},
	}
}
