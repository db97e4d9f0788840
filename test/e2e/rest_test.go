//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
)

const (
	// restPeriod is how long nothing must be written.
	restPeriod = 15 * time.Second
	touches    = 3
)

// Not parallel: the API server counts everybody's writes.
func TestAtRestTheOperatorWritesNothing(t *testing.T) {
	s := newServer(t).start()
	s.waitQuiet()
	children, events, before := s.versions(), serverEvents(t), writes(t)

	// A new leader looks at every object anew, and each touch makes one more pass.
	s.replaceLeader()
	end := time.Now().Add(restPeriod)
	touched := 0
	s.wait("the period of rest to end", func(context.Context) (bool, string, error) {
		if touched < touches {
			touched++
			s.touch(touched)
		}
		return time.Now().After(end), "", nil
	})

	after := writes(t)
	after["PATCH securedmcpservers"] -= touched // those were ours
	maps.DeleteFunc(before, func(_ string, n int) bool { return n == 0 })
	maps.DeleteFunc(after, func(_ string, n int) bool { return n == 0 })
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("writes (-before +after %s of rest):\n%s", restPeriod, diff)
	}
	if diff := cmp.Diff(events, serverEvents(t)); diff != "" {
		t.Errorf("events about servers (-before +after %s of rest):\n%s", restPeriod, diff)
	}
	if diff := cmp.Diff(children, s.versions()); diff != "" {
		t.Errorf("resourceVersion of children (-before +after):\n%s", diff)
	}
}

// serverEvents are the resourceVersions of all events about servers, whichever of
// the two APIs they were written through. The requests do not tell: while another
// leader starts, kubelets, the scheduler and the lease make events too.
func serverEvents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var core corev1.EventList
	if err := env.cluster.List(t.Context(), &core, ctrlclient.MatchingFields{"involvedObject.kind": v1alpha1.Kind}); err != nil {
		t.Fatal(err)
	}
	for _, e := range core.Items {
		out["core "+e.Namespace+"/"+e.Name] = e.ResourceVersion
	}
	newer, err := env.cluster.Clientset.EventsV1().Events("").List(t.Context(), metav1.ListOptions{FieldSelector: "regarding.kind=" + v1alpha1.Kind})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range newer.Items {
		out["events.k8s.io "+e.Namespace+"/"+e.Name] = e.ResourceVersion
	}
	if len(out) == 0 {
		t.Fatal("no events about servers, not even that one is Ready")
	}
	return out
}

// waitQuiet waits until nothing is on its way out: the API server counts that
// too.
func (s *server) waitQuiet() {
	s.t.Helper()
	s.wait("other namespaces to be gone", func(ctx context.Context) (bool, string, error) {
		var all corev1.NamespaceList
		if err := env.cluster.List(ctx, &all); err != nil {
			return false, "", err
		}
		i := slices.IndexFunc(all.Items, func(n corev1.Namespace) bool { return n.DeletionTimestamp != nil })
		if i >= 0 {
			return false, all.Items[i].Name + " is not", nil
		}
		return env.cluster.RolledOut(ctx, cluster.OperatorKey)
	})
}

// versions are the resourceVersions of the children that nobody but the
// operator writes.
func (s *server) versions() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for kind, k := range kinds(s) {
		object := k.empty()
		if err := env.cluster.Get(s.t.Context(), s.key, object); err != nil {
			s.t.Fatal(err)
		}
		out[kind] = object.GetResourceVersion()
	}
	return out
}

// touch changes the object and nothing of its spec.
func (s *server) touch(n int) {
	s.t.Helper()
	object := s.manifest.DeepCopy()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/touched":"%d"}}}`, n)
	if err := env.cluster.Patch(s.t.Context(), object, ctrlclient.RawPatch("application/merge-patch+json", patch)); err != nil {
		s.t.Fatal(err)
	}
}

// writes counts the requests so far by which the operator could have written
// something: its own API, the kinds of its children, and annotations of pods.
// What other components write is left out: subresources such as
// deployments/status, and leases.
func writes(t *testing.T) map[string]int {
	t.Helper()
	raw, err := env.cluster.Kubectl(t.Context(), "get", "--raw", "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("reading the API server's metrics: %v", err)
	}
	family := families["apiserver_request_total"]
	if family == nil {
		t.Fatal("the API server has no apiserver_request_total")
	}
	out := map[string]int{}
	for _, metric := range family.Metric {
		if what := write(labels(metric)); what != "" {
			out[what] += int(metric.Counter.GetValue())
		}
	}
	return out
}

func labels(metric *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, label := range metric.Label {
		out[label.GetName()] = label.GetValue()
	}
	return out
}

// write names a write that may be the operator's, "" for all others.
func write(l map[string]string) string {
	children := []string{
		"configmaps", "deployments", "ingresses", "pods", "serviceaccounts", "services",
		"networkpolicies", "poddisruptionbudgets", "horizontalpodautoscalers",
	}
	verbs := []string{"POST", "PUT", "PATCH", "APPLY", "DELETE"}
	if l["resource"] == "pods" {
		verbs = []string{"PATCH", "APPLY"} // the others create and delete pods
	}
	mine := l["group"] == "securedmcp.dev" || l["subresource"] == "" && slices.Contains(children, l["resource"])
	if !mine || !slices.Contains(verbs, l["verb"]) {
		return ""
	}
	return strings.TrimSuffix(l["verb"]+" "+l["resource"]+"/"+l["subresource"], "/")
}

// podOf is the pod of a leader: controller-runtime names leaders POD_UUID.
func podOf(identity string) string {
	pod, _, _ := strings.Cut(identity, "_")
	return pod
}

func TestTheOperatorMayDoNoMoreThanItsJob(t *testing.T) {
	t.Parallel()
	user := "system:serviceaccount:" + cluster.OperatorNamespace + ":" + operatorPod(t).Spec.ServiceAccountName
	cases := map[string]struct {
		verb, group, resource string
		allowed               bool
	}{
		"it may apply Deployments":            {"patch", "apps", "deployments", true},
		"it may not read Secrets":             {"get", "", "secrets", false},
		"it may not list Secrets":             {"list", "", "secrets", false},
		"it may read what kubelets say":       {"list", "", "events", true},
		"it may not write as kubelets do":     {"create", "", "events", false},
		"it may not delete Deployments":       {"delete", "apps", "deployments", false},
		"it may not exec into pods":           {"create", "", "pods/exec", false},
		"it may not edit what people wrote":   {"update", "securedmcp.dev", "securedmcpservers", false},
		"it may not grant rights":             {"create", "rbac.authorization.k8s.io", "clusterroles", false},
		"it may not impersonate":              {"impersonate", "", "users", false},
		"it may not touch admission webhooks": {"create", "admissionregistration.k8s.io", "validatingwebhookconfigurations", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			resource, subresource, _ := strings.Cut(tc.resource, "/")
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: user, Groups: []string{"system:serviceaccounts", "system:authenticated"},
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: sharedNamespace, Verb: tc.verb, Group: tc.group, Resource: resource, Subresource: subresource,
				},
			}}
			if err := env.cluster.Create(t.Context(), review); err != nil {
				t.Fatal(err)
			}
			if review.Status.Allowed != tc.allowed {
				t.Errorf("allowed is %t, want %t (%s)", review.Status.Allowed, tc.allowed, review.Status.Reason)
			}
		})
	}
}

func operatorPod(t *testing.T) *corev1.Pod {
	t.Helper()
	pods, err := env.cluster.Pods(t.Context(), cluster.OperatorKey)
	if err != nil || len(pods) == 0 {
		t.Fatalf("the operator has no pods (%v)", err)
	}
	return &pods[0]
}
