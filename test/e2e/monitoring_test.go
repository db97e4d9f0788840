//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/measure"
	"github.com/securedmcp/operator/test/kubetest"
)

func monitored(spec *v1alpha1.SecuredMCPServerSpec) {
	spec.Monitoring = &v1alpha1.Monitoring{Labels: map[string]string{"release": "prometheus"}, ScrapeSeconds: 5}
}

// Not parallel: for some seconds no operator works, and the definitions are
// everybody's.
func TestMonitoringComesAndGoesWithItsDefinitions(t *testing.T) {
	s := newServer(t).start()
	before := operators(t)
	s.apply(monitored)
	s.wantMonitoringMissing()

	remove := kubetest.InstallCRDs(t, env.cluster.REST, "prometheus-operator")
	s.waitCondition(v1alpha1.ConditionMonitored, metav1.ConditionTrue, v1alpha1.ReasonMonitored)
	wantOperators(t, before)
	t.Run("a Prometheus that goes by them", func(t *testing.T) { s.at(t).checkPrometheus() })
	t.Run("what somebody edits or deletes is put back", func(t *testing.T) { s.at(t).checkMonitoringHealed() })
	t.Run("an operator that starts when they are there", func(t *testing.T) {
		s := s.at(t)
		s.replaceLeader()
		s.checkMonitoringHealed() // by one that watches them from its start
		other := newServer(t)
		other.apply(monitored)
		other.waitCondition(v1alpha1.ConditionMonitored, metav1.ConditionTrue, v1alpha1.ReasonMonitored)
	})
	t.Run("monitoring that is asked for no more", func(t *testing.T) {
		s := s.at(t)
		s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Monitoring = nil })
		for _, kind := range monitoringKinds {
			s.waitGone(s.monitoring(kind))
		}
		s.apply(monitored)
		s.waitCondition(v1alpha1.ConditionMonitored, metav1.ConditionTrue, v1alpha1.ReasonMonitored)
	})

	if err := awaitRollout(t.Context(), cluster.OperatorKey); err != nil {
		t.Fatal(err)
	}
	before = operators(t)
	remove()
	s.wantMonitoringMissing()
	wantOperators(t, before)
}

// wantMonitoringMissing waits until the server says what is missing. It serves all
// the same.
func (s *server) wantMonitoringMissing() {
	s.t.Helper()
	message := s.waitCondition(v1alpha1.ConditionMonitored, metav1.ConditionFalse, v1alpha1.ReasonAPIMissing)
	const want = "spec.monitoring: the cluster does not have ServiceMonitor (monitoring.coreos.com/v1): install the Prometheus Operator"
	if message != want {
		s.t.Errorf("Monitored says %q, want %q", message, want)
	}
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if answer := s.call(s.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		s.t.Errorf("status %d, want 200 whether somebody watches or not", answer.Status)
	}
}

// operators are the pods of the operator, by what a restart would change.
func operators(t *testing.T) map[string]int32 {
	t.Helper()
	pods, err := env.cluster.Pods(t.Context(), cluster.OperatorKey)
	if err != nil || len(pods) == 0 {
		t.Fatalf("the operator has no pods (%v)", err)
	}
	out := map[string]int32{}
	for i := range pods {
		out[pods[i].Name] = measure.Restarts(&pods[i])
	}
	return out
}

func wantOperators(t *testing.T, before map[string]int32) {
	t.Helper()
	if diff := cmp.Diff(before, operators(t)); diff != "" {
		t.Errorf("the operator was started anew (-before +after):\n%s", diff)
	}
}

var monitoringKinds = []string{"ServiceMonitor", "PrometheusRule"}

func emptyMonitoring(kind string) ctrlclient.Object {
	o := new(unstructured.Unstructured)
	o.SetAPIVersion("monitoring.coreos.com/v1")
	o.SetKind(kind)
	return o
}

// monitoring is an object of the server, as it is.
func (s *server) monitoring(kind string) *unstructured.Unstructured {
	s.t.Helper()
	o := emptyMonitoring(kind).(*unstructured.Unstructured)
	o.SetNamespace(s.namespace)
	o.SetName(serverName)
	if err := env.cluster.Get(s.t.Context(), s.key, o); ctrlclient.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
	return o
}

func (s *server) checkMonitoringHealed() {
	s.t.Helper()
	spoiled := map[string]any{
		"ServiceMonitor": map[string]any{"endpoints": []any{}, "selector": map[string]any{}},
		"PrometheusRule": map[string]any{"groups": []any{}},
	}
	for _, kind := range monitoringKinds {
		object := s.monitoring(kind)
		want, uid := object.Object["spec"], object.GetUID()
		empty := func() ctrlclient.Object { return emptyMonitoring(kind) }
		good := func(o ctrlclient.Object) bool {
			return reflect.DeepEqual(o.(*unstructured.Unstructured).Object["spec"], want)
		}

		edited := object.DeepCopy()
		edited.Object["spec"] = spoiled[kind]
		if err := env.cluster.Update(s.t.Context(), edited); err != nil {
			s.t.Fatal(err)
		}
		s.waitChild(kind, empty, good)
		if err := env.cluster.Delete(s.t.Context(), object); err != nil {
			s.t.Fatal(err)
		}
		s.waitChild(kind, empty, func(o ctrlclient.Object) bool { return o.GetUID() != uid && good(o) })
	}
}

// replaceLeader deletes the operator that holds the lease, and waits for another.
func (s *server) replaceLeader() {
	s.t.Helper()
	stopped := leader(s.t)
	if err := env.cluster.Delete(s.t.Context(), &corev1.Pod{ObjectMeta: objectMeta(cluster.OperatorNamespace, podOf(stopped))}); err != nil {
		s.t.Fatal(err)
	}
	s.wait("another leader", func(context.Context) (bool, string, error) {
		now := leader(s.t)
		return now != stopped && now != "", "it is " + now, nil
	})
}

// checkPrometheus has a real one find the pods, evaluate the rules, and have every
// metric that they name.
func (s *server) checkPrometheus() {
	s.t.Helper()
	monitor, rules := s.monitoring("ServiceMonitor"), s.monitoring("PrometheusRule")
	s.checkSelection(monitor)
	s.waitStatus(s.token(readScope), lookupTool, http.StatusOK) // of every replica: metrics show what has happened
	p := startPrometheus(s.t, monitor, rules)

	ours := fmt.Sprintf(`namespace=%q,service=%q`, s.namespace, serverName)
	s.wait("every replica to be scraped", func(ctx context.Context) (bool, string, error) {
		found, err := p.series(ctx, "up{"+ours+`,job="securedmcp-runtime"} == 1`)
		if err != nil {
			return false, err.Error(), nil // it starts
		}
		return len(found) == 2, fmt.Sprintf("%d are: %v", len(found), found), nil
	})
	all, err := p.rules(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if want := rulesIn(rules); len(all) != want || want == 0 {
		s.t.Errorf("Prometheus has %d rules, want the %d of the object", len(all), want)
	}
	for _, rule := range all {
		s.checkRule(p, rule, ours)
	}
}

// checkSelection states that the Service of the server is what the ServiceMonitor
// selects, and nothing else of the namespace.
func (s *server) checkSelection(monitor *unstructured.Unstructured) {
	s.t.Helper()
	var services corev1.ServiceList
	labels := ctrlclient.MatchingLabels(readMonitor(s.t, monitor).Spec.Selector.MatchLabels)
	if err := env.cluster.List(s.t.Context(), &services, ctrlclient.InNamespace(s.namespace), labels); err != nil {
		s.t.Fatal(err)
	}
	if len(services.Items) != 1 || services.Items[0].Name != serverName {
		s.t.Errorf("%v selects %d Services, want %s alone", labels, len(services.Items), serverName)
	}
	if got := monitor.GetLabels()["release"]; got != "prometheus" {
		s.t.Errorf("the ServiceMonitor has release=%q, and a Prometheus selects by prometheus", got)
	}
}

func rulesIn(o *unstructured.Unstructured) int {
	groups, _, _ := unstructured.NestedSlice(o.Object, "spec", "groups")
	n := 0
	for _, g := range groups {
		rules, _, _ := unstructured.NestedSlice(g.(map[string]any), "rules")
		n += len(rules)
	}
	return n
}

// metricName is one in an expression: what labels it has to have follows.
var metricName = regexp.MustCompile(`\b([a-z_]+)\{`)

// checkRule waits until a rule was evaluated and has nothing to say of a server
// that is well, and until there is every metric that it looks at.
func (s *server) checkRule(p *prometheus, rule ruleState, ours string) {
	s.t.Helper()
	s.wait(rule.Name+" to be inactive", func(ctx context.Context) (bool, string, error) {
		now, err := p.rules(ctx)
		if err != nil {
			return false, "", err
		}
		at := slices.IndexFunc(now, func(r ruleState) bool { return r.Name == rule.Name })
		return at >= 0 && now[at].Health == "ok" && now[at].State == "inactive", fmt.Sprintf("%+v", now), nil
	})
	metrics := metricName.FindAllStringSubmatch(rule.Query, -1)
	if len(metrics) == 0 || strings.Count(rule.Query, "securedmcp_") > len(metrics) {
		s.t.Errorf("%s: %d metrics in %s", rule.Name, len(metrics), rule.Query)
	}
	for _, m := range metrics {
		s.wait(rule.Name+" to find "+m[1], func(ctx context.Context) (bool, string, error) {
			found, err := p.series(ctx, m[1]+"{"+ours+"}")
			return len(found) > 0, "no pod shows it", err
		})
	}
}
