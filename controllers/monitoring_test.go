package controllers_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

func monitoringObject(s *v1alpha1.SecuredMCPServer, kind string) *unstructured.Unstructured {
	o := new(unstructured.Unstructured)
	o.SetAPIVersion("monitoring.coreos.com/v1")
	o.SetKind(kind)
	return named(s, o)
}

func monitor(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	return monitoringObject(s, "ServiceMonitor")
}

func rules(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	return monitoringObject(s, "PrometheusRule")
}

func TestMonitoringIsAskedForAndTakenAway(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	if got, there := conditions(s)["Monitored"]; there {
		t.Fatalf("Monitored is %s, and nobody asked", got)
	}

	w.update(s, func() { spec(t, s, `monitoring: {labels: {release: prometheus}, scrapeSeconds: 15}`) })
	w.settle(s)
	w.wantMonitored(s, "False APIMissing", "spec.monitoring: the cluster does not have ServiceMonitor (monitoring.coreos.com/v1): install the Prometheus Operator")
	w.update(s, func() { s.Spec.Monitoring = nil })
	w.settle(s)
	if got, there := conditions(s)["Monitored"]; there {
		t.Fatalf("Monitored is %s, and nobody asks any more", got)
	}

	kubetest.InstallCRDs(t, kubetest.Config(t), "prometheus-operator")
	w.update(s, func() { spec(t, s, `monitoring: {labels: {release: prometheus}, scrapeSeconds: 15}`) })
	w.eventually("the kinds have come", func() bool {
		w.settle(s)
		return conditions(s)["Monitored"] == "True Monitored"
	})
	w.writes.take()
	w.wantMonitored(s, "True Monitored", "the ServiceMonitor and the PrometheusRule are there")
	w.wantFields(s, monitor(s), map[string]string{
		"metadata.labels.release":      `"prometheus"`,
		"spec.endpoints[0].targetPort": `"admin"`,
		"spec.endpoints[0].interval":   `"15s"`,
	})
	w.wantFields(s, rules(s), map[string]string{
		"metadata.labels.release":       `"prometheus"`,
		"spec.groups[0].rules[0].alert": `"SecuredMCPServerDown"`,
	})
	w.settle(s)
	w.wantWrites()

	t.Run("what somebody edits is healed", func(t *testing.T) {
		w := w.in(t)
		edited := rules(s)
		w.update(edited, func() { edited.Object["spec"] = map[string]any{"groups": []any{}} })
		w.settle(s)
		w.wantFields(s, rules(s), map[string]string{"spec.groups[0].rules[0].alert": `"SecuredMCPServerDown"`})
	})
	t.Run("what somebody adds is left alone", func(t *testing.T) {
		w := w.in(t)
		o := monitor(s)
		w.update(o, func() { o.SetAnnotations(map[string]string{"example.com/team": "watch"}) })
		w.writes.take()
		w.settle(s)
		w.wantWrites()
	})
	t.Run("no alerts are no PrometheusRule", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { spec(t, s, `monitoring: {alerts: Disabled}`) })
		w.settle(s)
		w.wantMonitored(s, "True Monitored", "the ServiceMonitor is there; no alerts are asked for")
		if w.exists(rules(s)) || !w.exists(monitor(s)) {
			t.Error("want the ServiceMonitor alone")
		}
	})
	t.Run("an edit that is not accepted leaves what was accepted last", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} })
		_, _ = w.reconcile(s) // which says that only an edit helps
		w.wantMonitored(s, "True Monitored", "the ServiceMonitor is there, as it was accepted last")
		w.update(s, func() { s.Spec.Scopes[0].Implies = nil })
	})
	t.Run("none is none", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Monitoring = nil })
		w.settle(s)
		if got, there := conditions(s)["Monitored"]; there {
			t.Errorf("Monitored is still %s", got)
		}
		if w.exists(monitor(s)) || w.exists(rules(s)) {
			t.Error("monitoring is still there")
		}
	})
	t.Run("a name that is taken", func(t *testing.T) {
		w := w.in(t)
		stranger := monitor(s)
		stranger.Object["spec"] = map[string]any{"endpoints": []any{}, "selector": map[string]any{}}
		w.create(stranger)
		w.update(s, func() { spec(t, s, `monitoring: {}`) })
		w.settle(s)
		w.wantMonitored(s, "False NameConflict",
			"ServiceMonitor a exists and was not made by this operator; it is left alone; delete it, or give this SecuredMCPServer another name")
		w.delete(stranger)
		w.settle(s)
		w.wantMonitored(s, "True Monitored", "the ServiceMonitor and the PrometheusRule are there")
	})
	t.Run("a label that is none", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Monitoring.Labels = map[string]string{"not a label": "x"} })
		w.settle(s)
		if got := conditions(s)["Monitored"]; got != "False MonitorRejected" || !strings.Contains(message(s, "Monitored"), "not a label") {
			t.Errorf("Monitored is %s: %s", got, message(s, "Monitored"))
		}
		if got := conditions(s)["Ready"]; got != "True Ready" {
			t.Errorf("Ready is %s", got)
		}
	})
	t.Run("a spec that was never accepted", func(t *testing.T) {
		w := w.in(t)
		s := w.server("b")
		spec(t, s, `monitoring: {}`)
		s.Spec.Scopes[0].Implies = []string{"invoices:write"}
		w.create(s)
		_, _ = w.reconcile(s) // which says that only an edit helps
		w.wantMonitored(s, "False NotMonitored", "there is no ServiceMonitor: this spec has not been accepted")
	})
}

func (w *world) wantMonitored(s *v1alpha1.SecuredMCPServer, want, text string) {
	w.t.Helper()
	if got := conditions(s)["Monitored"]; got != want {
		w.t.Fatalf("Monitored is %s, want %s", got, want)
	}
	if got := message(s, "Monitored"); got != text {
		w.t.Errorf("Monitored says %q, want %q", got, text)
	}
	if ready := conditions(s)["Ready"]; conditions(s)["Accepted"] == "True Accepted" && ready != "True Ready" {
		w.t.Errorf("Ready is %s: nobody's requests go by who watches", ready)
	}
}
