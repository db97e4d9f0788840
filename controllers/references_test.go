package controllers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// opaque has s ask about opaque tokens as a client whose secret is in a Secret.
func opaque(s *v1alpha1.SecuredMCPServer) {
	s.Spec.Tokens = v1alpha1.Tokens{Type: v1alpha1.TokenTypeOpaque, Introspection: &v1alpha1.Introspection{
		ClientID: "mcp", ClientSecretRef: &v1alpha1.SecretKeyRef{Name: "mcp-client", Key: "secret"},
	}}
}

// failedMount does what a kubelet would that cannot mount a volume.
func (w *world) failedMount(p *corev1.Pod, name, message string, at time.Time) {
	w.t.Helper()
	w.create(&corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: p.Name + "." + name, Namespace: p.Namespace},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
		Reason:         "FailedMount", Message: message, Type: corev1.EventTypeWarning, LastTimestamp: metav1.NewTime(at),
	})
}

func TestAMissingSecretShowsInAvailable(t *testing.T) {
	starting := corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}}
	w := newWorld(t)
	s := w.server("a")
	opaque(s)
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
	w.create(s)
	w.settle(s)
	pod := w.pod(s, "x", starting)
	now := time.Now()
	say := func(name, message string, ago time.Duration) { w.failedMount(pod, name, message, now.Add(-ago)) }
	check := func(condition, text string) {
		t.Helper()
		if again := w.settle(s).RequeueAfter; again == 0 || again > time.Minute {
			t.Errorf("the next look is in %s; want one soon, since events wake nobody", again)
		}
		if got := conditions(s)["Available"]; got != condition {
			t.Errorf("Available is %s, want %s", got, condition)
		}
		if got := message(s, "Available"); got != text {
			t.Errorf("message %q, want %q", got, text)
		}
	}
	check("False Progressing", "waiting for the replicas to become ready")
	say("timeout", "Unable to attach or mount volumes: unmounted volumes=[introspection-client]: timed out waiting for the condition", 0)
	check("False Progressing", "waiting for the replicas to become ready")
	say("tls", `MountVolume.SetUp failed for volume "tls" : secret "pod-tls" not found`, time.Minute)
	check("False SecretMissing", `the pods wait for Secret pod-tls, which spec.exposure.tls.secretName names: secret "pod-tls" not found`)
	say("client", `MountVolume.SetUp failed for volume "introspection-client" : secret "mcp-client" not found`, time.Minute)
	check("False SecretMissing", `the pods wait for Secret mcp-client, which spec.tokens.introspection.clientSecretRef names: secret "mcp-client" not found`)
	// The newest counts: by now the Secret is there, and its key is not.
	say("client2", `MountVolume.SetUp failed for volume "introspection-client" : references non-existent secret key: secret`, 0)
	check("False SecretMissing", "the pods wait for Secret mcp-client, which spec.tokens.introspection.clientSecretRef names: references non-existent secret key: secret")
	w.writes.take()
	w.settle(s)
	if got := w.writes.take(); len(got) != 0 {
		t.Errorf("a pass in which nothing was new wrote %v", got)
	}
}

func TestAConfigMapBesideASecretIsLookedForFirst(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.RateLimit = &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{
		Address: "redis:6379", TLS: v1alpha1.RedisTLSRequired, CABundleRef: &v1alpha1.ConfigMapKeyRef{Name: "redis-ca", Key: "root.pem"},
		PasswordRef: &v1alpha1.SecretKeyRef{Name: "redis", Key: "password"},
	}}
	w.create(s)
	w.settle(s)
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "issuer-ca", Namespace: w.namespace}, Data: map[string]string{"ca.crt": "x"}})
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "redis-ca", Namespace: w.namespace}, Data: map[string]string{"ca.crt": "x"}})
	w.pod(s, "x", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}})
	w.settle(s)
	const want = "the pods wait for key root.pem of ConfigMap redis-ca, which spec.rateLimit.redis.caBundleRef names and which does not exist"
	if got := message(s, "Available"); got != want || conditions(s)["Available"] != "False CABundleMissing" {
		t.Errorf("Available is %s: %q; want %q", conditions(s)["Available"], got, want)
	}
}

// What a spec names that is not accepted, no pod mounts.
func TestPodsDoNotWaitForWhatASpecNamesThatIsNotAccepted(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "issuer-ca", Namespace: w.namespace}, Data: map[string]string{"ca.crt": "x"}})
	w.pod(s, "x", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}})
	w.update(s, func() {
		s.Spec.Tokens.CABundleRef.Name = "another-ca"
		s.Spec.Scopes[0].Implies = []string{"invoices:write"} // a cycle
	})
	w.reconcile(s) //nolint:errcheck // terminal
	w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
	w.wantMessage(s, "Available", "2 of 2 replicas are available")

	t.Run("but for what the one names that was accepted last", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Tokens.CABundleRef.Name = "issuer-ca" })
		if err := w.person.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "issuer-ca", Namespace: w.namespace}}); err != nil {
			t.Fatal(err)
		}
		w.reconcile(s) //nolint:errcheck // terminal
		w.wantMessage(s, "Available", "2 of 2 replicas are available; another pod is held up: "+
			"the pods wait for ConfigMap issuer-ca, which spec.tokens.caBundleRef names and which does not exist")
	})
}

// Nothing wakes the operator when what pods wait for comes, whatever else is wrong.
func TestWhatIsMissingIsLookedForAgain(t *testing.T) {
	starting := corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}}
	for name, tc := range map[string]struct {
		refer func(*v1alpha1.SecuredMCPServer)
		spoil func(*v1alpha1.SecuredMCPServer)
	}{
		"a ConfigMap, beside a Secret": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Tokens.CABundleRef = &v1alpha1.ConfigMapKeyRef{Name: "missing"}
				s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pods"}
			}, nil,
		},
		"a Secret, while the newest spec is invalid": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Tokens.CABundleRef = nil
				s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pods"}
			},
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Scopes[0].Implies = []string{"invoices:write"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			tc.refer(s)
			w.create(s)
			w.settle(s)
			w.pod(s, "1", starting)
			if tc.spoil != nil {
				w.update(s, func() { tc.spoil(s) })
			}
			if result, err := w.reconcile(s); err != nil || result.RequeueAfter == 0 || result.RequeueAfter > time.Minute {
				t.Errorf("the next look is in %s (error %v), want one soon", result.RequeueAfter, err)
			}
		})
	}
}

// What a spec refers to comes and goes: the pods are replaced, each change is
// applied once, and what is in the Secrets or the configuration replaces nothing.
func TestMountsFollowTheSpec(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	d := named(s, &appsv1.Deployment{})
	volumes := func() []string {
		w.read(d)
		var names []string
		for _, v := range d.Spec.Template.Spec.Volumes {
			names = append(names, v.Name)
		}
		slices.Sort(names)
		return names
	}
	redis := &v1alpha1.Redis{Address: "redis:6379", PasswordRef: &v1alpha1.SecretKeyRef{Name: "redis", Key: "password"}}
	for _, step := range []struct {
		what   string
		change func()
		want   []string
		writes []string
	}{
		{
			"a secret of the introspection client, beside the CA bundle",
			func() {
				ca := s.Spec.Tokens.CABundleRef
				opaque(s)
				s.Spec.Tokens.CABundleRef = ca
			},
			[]string{"config", "introspection-client", "issuer-ca"},
			[]string{"PATCH configmaps/a", "PATCH deployments/a"},
		},
		{
			"another key of the Secret",
			func() { s.Spec.Tokens.Introspection.ClientSecretRef.Key = "new" },
			[]string{"config", "introspection-client", "issuer-ca"},
			[]string{"PATCH configmaps/a", "PATCH deployments/a"},
		},
		{
			"a configuration that refers to nothing more",
			func() { s.Spec.RateLimit = &v1alpha1.RateLimit{Requests: 1} },
			[]string{"config", "introspection-client", "issuer-ca"},
			[]string{"PATCH configmaps/a"},
		},
		{
			"a password and a certificate",
			func() {
				s.Spec.RateLimit.Redis = redis
				s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
			},
			[]string{"config", "introspection-client", "issuer-ca", "redis-password", "tls"},
			[]string{"PATCH configmaps/a", "PATCH deployments/a", "PATCH networkpolicies/a", "PATCH serviceaccounts/a", "PATCH services/a"},
		},
		{
			"nothing",
			func() {
				s.Spec.Tokens, s.Spec.RateLimit, s.Spec.Exposure.TLS = v1alpha1.Tokens{}, nil, nil
			},
			[]string{"config"},
			[]string{"PATCH configmaps/a", "PATCH deployments/a", "PATCH networkpolicies/a", "PATCH serviceaccounts/a", "PATCH services/a"},
		},
	} {
		w.update(s, step.change)
		w.settle(s)
		writes := slices.DeleteFunc(w.writes.take(), func(write string) bool {
			return write == "PATCH securedmcpservers/a/status" || strings.HasPrefix(write, "PATCH pods/")
		})
		if diff := cmp.Diff(step.writes, writes); diff != "" {
			t.Errorf("%s: writes (-want +got):\n%s", step.what, diff)
		}
		if diff := cmp.Diff(step.want, volumes()); diff != "" {
			t.Errorf("%s: volumes (-want +got):\n%s", step.what, diff)
		}
		w.settle(s)
		if again := w.writes.take(); len(again) != 0 {
			t.Errorf("%s: a pass over the unchanged server wrote %v", step.what, again)
		}
	}
	service := named(s, &corev1.Service{})
	w.read(service)
	if len(service.Spec.Ports) != 1 || service.Spec.Ports[0].Port != 80 {
		t.Errorf("ports %v, want the plain one back", service.Spec.Ports)
	}
}
