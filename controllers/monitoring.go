package controllers

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

const prometheusOperator = "the Prometheus Operator"

var (
	serviceMonitor = optionalKind{"ServiceMonitor", desired.MonitoringVersion, prometheusOperator, desired.ServiceMonitor}
	prometheusRule = optionalKind{"PrometheusRule", desired.MonitoringVersion, prometheusOperator, desired.PrometheusRule}

	monitoringKinds = []optionalKind{serviceMonitor, prometheusRule}
)

func isMonitoring(kind string) bool {
	return slices.ContainsFunc(monitoringKinds, func(k optionalKind) bool { return k.kind == kind })
}

// expectMonitoring has the condition Monitored be there exactly while monitoring
// is asked for.
func (s *scope) expectMonitoring() {
	switch {
	case s.server.Spec.Monitoring == nil:
		meta.RemoveStatusCondition(&s.status.Conditions, v1alpha1.ConditionMonitored)
	case meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionMonitored) == nil:
		s.unknown(v1alpha1.ConditionMonitored, v1alpha1.ReasonReconciling, "not observed yet")
	}
}

// observeMonitoring decides Monitored. Nothing else goes by it: a server that
// nobody watches serves as well as any.
func (r *Reconciler) observeMonitoring(ctx context.Context, s *scope) error {
	if s.server.Spec.Monitoring == nil {
		return nil
	}
	for _, k := range monitoringKinds {
		if k.desired(s.server) == nil {
			continue
		}
		missing := s.missing[k.kind]
		if !s.accepted {
			missing = r.apis.missing(k) // it is not applied, so nobody has looked
		}
		if missing != "" {
			s.no(v1alpha1.ConditionMonitored, v1alpha1.ReasonAPIMissing, "spec.monitoring: "+missing)
			return nil
		}
		if c := s.trouble(k.kind); c != nil {
			s.no(v1alpha1.ConditionMonitored, rejectedAs(c, v1alpha1.ReasonMonitorRejected), c.message)
			return nil
		}
	}
	return r.judgeMonitoring(ctx, s)
}

// judgeMonitoring sets Monitored where nothing is in the way. What is asked for in a spec
// that is not accepted is not there, unless it was accepted last.
func (r *Reconciler) judgeMonitoring(ctx context.Context, s *scope) error {
	if s.accepted {
		s.yes(v1alpha1.ConditionMonitored, v1alpha1.ReasonMonitored, monitoredBy(s.server))
		return nil
	}
	live := serviceMonitor.object()
	if err := r.own(ctx, s.server, live); err != nil {
		return fmt.Errorf("reading ServiceMonitor: %w", err)
	}
	if live.GetUID() == "" {
		s.no(v1alpha1.ConditionMonitored, v1alpha1.ReasonNotMonitored, "there is no ServiceMonitor: this spec has not been accepted")
		return nil
	}
	s.yes(v1alpha1.ConditionMonitored, v1alpha1.ReasonMonitored, "the ServiceMonitor is there, as it was accepted last")
	return nil
}

func monitoredBy(server *v1alpha1.SecuredMCPServer) string {
	if desired.PrometheusRule(server) == nil {
		return "the ServiceMonitor is there; no alerts are asked for"
	}
	return "the ServiceMonitor and the PrometheusRule are there"
}
