package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// speakTLS has the pods of s speak TLS, or no longer do.
func speakTLS(s *v1alpha1.SecuredMCPServer, tls bool) {
	s.Spec.Exposure.TLS = nil
	if tls {
		s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pods"}
	}
}

// wantOpen checks where the routes of s lead, and what Service, NetworkPolicy and
// Deployment have for that.
func (w *world) wantOpen(s *v1alpha1.SecuredMCPServer, when, want string) {
	w.t.Helper()
	service, policy, deployment := named(s, &corev1.Service{}), named(s, &networkingv1.NetworkPolicy{}), named(s, &appsv1.Deployment{})
	w.read(service)
	w.read(policy)
	w.read(deployment)
	got := strings.Join(w.leads(s), " ") + "; Service"
	for _, port := range service.Spec.Ports {
		got += fmt.Sprintf(" %s %d", port.Name, port.Port)
	}
	got += "; NetworkPolicy"
	for _, port := range policy.Spec.Ingress[0].Ports {
		got += " " + port.Port.String()
	}
	got += fmt.Sprintf("; ready for %d s", deployment.Spec.MinReadySeconds)
	if diff := gocmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// leads says where the routes of s lead.
func (w *world) leads(s *v1alpha1.SecuredMCPServer) []string {
	w.t.Helper()
	var all []string
	if in := named(s, &networkingv1.Ingress{}); !w.gone(in) {
		protocol := in.Annotations["nginx.ingress.kubernetes.io/backend-protocol"]
		for _, path := range in.Spec.Rules[0].HTTP.Paths {
			all = append(all, strings.TrimSpace(path.Backend.Service.Port.Name+" "+protocol))
		}
	}
	if o := httpRoute(s); !w.gone(o) {
		rules, _, err := unstructured.NestedSlice(o.Object, "spec", "rules")
		if err != nil {
			w.t.Fatal(err)
		}
		refs, _, err := unstructured.NestedSlice(rules[0].(map[string]any), "backendRefs")
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, fmt.Sprint("HTTPRoute ", refs[0].(map[string]any)["port"]))
	}
	return all
}

// isReady makes p ready, or unready.
func (w *world) isReady(p *corev1.Pod, ready corev1.ConditionStatus) {
	w.t.Helper()
	w.updateStatus(p, func() {
		p.Status.Phase = corev1.PodRunning
		p.Status.PodIP = "10.1.2.3"
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	})
}

// readyPod creates a pod of s that is ready, and that nobody answers in.
func (w *world) readyPod(s *v1alpha1.SecuredMCPServer, suffix string) *corev1.Pod {
	w.t.Helper()
	p := w.pod(s, suffix, corev1.PodStatus{})
	w.isReady(p, corev1.ConditionTrue)
	return p
}

const (
	both        = "; Service http 80 https 443; NetworkPolicy 8080 8443; ready for 30 s"
	onlyPlain   = "http http; Service http 80; NetworkPolicy 8080; ready for 0 s"
	onlySecure  = "https HTTPS https HTTPS; Service https 443; NetworkPolicy 8443; ready for 0 s"
	plainOfBoth = "http http" + both
	tlsOfBoth   = "https HTTPS https HTTPS" + both
)

// The Deployment replaces one pod by another; whoever of them serves, routes lead
// there.
func TestRoutesFollowThePodsWhileTLSIsTurnedOnOrOff(t *testing.T) {
	tests := map[string]struct {
		tls                             bool
		before, staying, leading, after string
	}{
		"on":  {true, onlyPlain, plainOfBoth, tlsOfBoth, onlySecure},
		"off": {false, onlySecure, tlsOfBoth, plainOfBoth, onlyPlain},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			speakTLS(s, !tc.tls)
			w.create(s)
			w.settle(s)
			one, two := w.readyPod(s, "1"), w.readyPod(s, "2")
			w.settle(s)
			w.wantOpen(s, "before", tc.before)

			step := func(when, want string) {
				t.Helper()
				w.settle(s)
				w.wantOpen(s, when, want)
				w.writes.take()
				w.settle(s)
				w.wantWrites()
			}
			w.update(s, func() { speakTLS(s, tc.tls) })
			step("the spec has changed", tc.staying)
			three := w.pod(s, "3", corev1.PodStatus{})
			step("a new pod starts", tc.staying)
			w.isReady(three, corev1.ConditionTrue)
			step("one new pod and two old ones are ready", tc.staying)
			w.ends(one)
			step("one of each is ready", tc.leading)
			w.isReady(three, corev1.ConditionFalse)
			step("the new one is not ready any more", tc.staying)
			w.isReady(three, corev1.ConditionTrue)
			step("it is again", tc.leading)
			w.readyPod(s, "4")
			step("two new pods are ready", tc.leading)
			w.ends(two)
			step("the last old pod ends", tc.leading)
			w.updateStatus(one, func() { one.Status.Phase = corev1.PodSucceeded })
			w.updateStatus(two, func() { two.Status.Phase = corev1.PodFailed })
			step("all old pods are over", tc.after)
		})
	}
}

// The rollout goes on, whatever becomes of the spec that began it.
func TestRoutesFollowThePodsUnderASpecThatIsNotAccepted(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	tests := map[string]struct {
		expose       func(*v1alpha1.SecuredMCPServer)
		before, then string
	}{
		"an Ingress":   {behindIngress, "http http", "https HTTPS https HTTPS"},
		"an HTTPRoute": {behindPublic, "HTTPRoute 80", "HTTPRoute 443"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, fresh := w.refusedChangeover(tc.expose)
			w.wantOpen(s, "the new pod starts", tc.before+both)

			w.isReady(fresh, corev1.ConditionTrue)
			w.runs(s)
			w.wantOpen(s, "the new pod is ready", tc.then+both)
			w.writes.take()
			w.runs(s)
			w.wantWrites()
			w.isReady(fresh, corev1.ConditionFalse)
			w.runs(s)
			w.wantOpen(s, "it is not any more", tc.before+both)
		})
	}
}
