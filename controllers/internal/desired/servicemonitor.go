package desired

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// MonitoringVersion is the API of the Prometheus Operator that ServiceMonitor and
// PrometheusRule are of.
var MonitoringVersion = schema.GroupVersion{Group: "monitoring.coreos.com", Version: "v1"}

// ServiceMonitor has Prometheus scrape the admin port of the pods behind the
// Service. The Service itself does not have that port, and need not: Prometheus
// finds the ports of containers too, which targetPort selects. It is nil unless
// spec.monitoring is set.
func ServiceMonitor(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	m := s.Spec.Monitoring
	if m == nil {
		return nil
	}
	endpoint := map[string]any{"targetPort": portAdmin, "path": "/metrics"}
	if m.ScrapeSeconds != 0 {
		endpoint["interval"] = fmt.Sprintf("%ds", m.ScrapeSeconds)
	}
	return monitored(s, "ServiceMonitor", map[string]any{
		"jobLabel":  LabelName,
		"selector":  map[string]any{"matchLabels": anyMap(Ours(s))},
		"endpoints": []any{endpoint},
	})
}

// monitored is an object that a Prometheus selects by its labels.
func monitored(s *v1alpha1.SecuredMCPServer, kind string, spec map[string]any) *unstructured.Unstructured {
	o := object(s, MonitoringVersion.WithKind(kind), spec)
	l := labels(s)
	for name, value := range s.Spec.Monitoring.Labels {
		if _, ours := l[name]; !ours {
			l[name] = value
		}
	}
	o.SetLabels(l)
	return o
}

func anyMap(in map[string]string) map[string]any {
	out := map[string]any{}
	for name, value := range in {
		out[name] = value
	}
	return out
}
