package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// ways are the ports by which clients reach the pods of s: those of the Service and
// of the NetworkPolicy, and the one that the Ingress leads to.
func (w *world) ways(s *v1alpha1.SecuredMCPServer) string {
	w.t.Helper()
	service, policy, ingress := named(s, &corev1.Service{}), named(s, &networkingv1.NetworkPolicy{}), named(s, &networkingv1.Ingress{})
	w.read(service)
	w.read(policy)
	w.read(ingress)
	var ports, open []string
	for _, p := range service.Spec.Ports {
		ports = append(ports, fmt.Sprint(p.Port, "→", p.TargetPort.String()))
	}
	for _, p := range policy.Spec.Ingress[0].Ports {
		open = append(open, p.Port.String())
	}
	return fmt.Sprintf("Service %s, open %s, Ingress to %s %s", strings.Join(ports, " "), strings.Join(open, " "),
		ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Port.Name, ingress.Annotations["nginx.ingress.kubernetes.io/backend-protocol"])
}

func (w *world) wantWays(s *v1alpha1.SecuredMCPServer, want string) {
	w.t.Helper()
	if got := strings.TrimSpace(w.ways(s)); got != want {
		w.t.Errorf("%s; want %s", got, want)
	}
}

// The pods that there are serve until others can: a Secret that does not exist cuts
// nobody off, and neither does the change itself.
func TestATLSSecretThatIsMissingCutsNobodyOff(t *testing.T) {
	const (
		plain = "Service 80→http, open 8080, Ingress to http"
		begun = "Service 443→https 80→http, open 8443 8080, Ingress to http"
		half  = "Service 443→https 80→http, open 8443 8080, Ingress to https HTTPS"
		done  = "Service 443→https, open 8443, Ingress to https HTTPS"
	)
	w := newWorld(t)
	s := w.ready("a")
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "issuer-ca", Namespace: w.namespace}, Data: map[string]string{"ca.crt": "x"}})
	first, second := w.podOf(s, "1"), w.podOf(s, "2")
	w.wantWays(s, plain)

	w.update(s, func() { s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"} })
	w.settle(s)
	w.wantWays(s, begun)
	starting := w.podOfTemplate(s, "3", "tls", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}})
	w.failedMount(starting, "tls", `MountVolume.SetUp failed for volume "tls" : secret "pod-tls" not found`, time.Now())
	w.rolled(s, 1, 3)
	w.settle(s)
	w.wantWays(s, begun)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False RollingOut", "False RollingOut")
	const missing = `the pods wait for Secret pod-tls, which spec.exposure.tls.secretName names: secret "pod-tls" not found`
	for condition, text := range map[string]string{"Available": "another pod is held up: " + missing, "Ready": missing} {
		if got := message(s, condition); !strings.Contains(got, text) {
			t.Errorf("%s says %q, want %q", condition, got, text)
		}
	}
	w.writes.take()
	w.settle(s)
	w.wantWrites()

	t.Run("the Secret comes", func(t *testing.T) {
		w := w.in(t)
		w.updateStatus(starting, func() { starting.Status = readyPod("10.0.1.3") })
		w.settle(s)
		w.wantWays(s, half)
		w.delete(first)
		w.settle(s)
		w.wantWays(s, half)
		w.delete(second)
		w.settle(s)
		w.wantWays(s, done)
	})
	t.Run("and back", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Exposure.TLS = nil })
		w.settle(s)
		w.wantWays(s, "Service 80→http 443→https, open 8080 8443, Ingress to https HTTPS")
		w.podOfTemplate(s, "4", "plain", readyPod("10.0.1.4"))
		w.settle(s)
		w.wantWays(s, "Service 80→http 443→https, open 8080 8443, Ingress to http")
		w.delete(starting)
		w.settle(s)
		w.wantWays(s, plain)
	})
}

// A Gateway is led by the number of the port.
func TestAGatewayFollowsThePodsThatSpeakTLS(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newWorld(t)
	s := w.server("a")
	behind(s, "public")
	w.create(s)
	w.settle(s)
	w.runningPod(s, "1")
	wantPort := func(want int64) {
		t.Helper()
		w.settle(s)
		route := httpRoute(s)
		w.read(route)
		backend := route.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)["backendRefs"].([]any)[0].(map[string]any)
		if got := backend["port"]; got != want {
			t.Errorf("the HTTPRoute leads to port %v, want %d", got, want)
		}
	}
	w.update(s, func() { s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"} })
	wantPort(80)
	w.podOfTemplate(s, "2", "tls", readyPod("10.0.1.2"))
	wantPort(443)
}
