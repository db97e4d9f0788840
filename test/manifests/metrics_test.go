package manifests_test

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A Prometheus finds by the labels of the ServiceMonitor the Service, and by its
// port what the operator listens at.
func TestTheServiceMonitorLeadsToTheMetrics(t *testing.T) {
	manifest := helm(t, "--set", "metrics.enabled=true,metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.labels.app\\.kubernetes\\.io/name=another")
	monitor, service := only(t, manifest, "ServiceMonitor"), new(corev1.Service)
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(only(t, manifest, "Service").Object, service))
	var spec struct {
		Spec struct {
			Selector  metav1.LabelSelector `json:"selector"`
			Endpoints []struct {
				Port            string `json:"port"`
				Path            string `json:"path"`
				Scheme          string `json:"scheme"`
				BearerTokenFile string `json:"bearerTokenFile"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(monitor.Object, &spec))
	if selector := labels.SelectorFromSet(spec.Spec.Selector.MatchLabels); selector.Empty() || !selector.Matches(labels.Set(service.Labels)) {
		t.Errorf("%v does not select the Service with %v", selector, service.Labels)
	}
	if n := len(spec.Spec.Endpoints); n != 1 {
		t.Fatalf("%d endpoints, want 1", n)
	}
	endpoint := spec.Spec.Endpoints[0]
	if endpoint.Port != service.Spec.Ports[0].Name || endpoint.Path != "/metrics" || endpoint.Scheme != "https" || endpoint.BearerTokenFile == "" {
		t.Errorf("endpoint %+v, want port %s, /metrics, https and a token", endpoint, service.Spec.Ports[0].Name)
	}
	if got := monitor.GetLabels()["app.kubernetes.io/name"]; got != release {
		t.Errorf("a label of ours is now %q", got)
	}
}

func tokenOf(t *testing.T, c client.Client, account *corev1.ServiceAccount) string {
	t.Helper()
	request := new(authenticationv1.TokenRequest)
	must(t, c.SubResource("token").Create(t.Context(), account, request))
	return request.Status.Token
}

func bindMetricsReader(t *testing.T, c client.Client, account *corev1.ServiceAccount) {
	t.Helper()
	must(t, client.IgnoreAlreadyExists(c.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: release + "-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})))
}
