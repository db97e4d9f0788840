package controllers_test

import (
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
)

const revisionAnnotation = "securedmcp.dev/config-revision"

func TestConfigChangeIsAnnouncedToPodsAndRestartsNone(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	generation := d.Generation
	one, two := named(s, &corev1.Pod{}), w.pod(s, "3", corev1.PodStatus{Phase: corev1.PodPending})
	one.Name = "a-1"
	w.settle(s)
	w.wantWrites() // it mounts what there is

	w.update(s, func() { s.Spec.Tools[1].Scopes = []string{"invoices:read"} })
	w.settle(s)
	// The whole price of a change, Enforced included.
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2", "PATCH pods/a-3", "PATCH securedmcpservers/a/status")
	for _, p := range []*corev1.Pod{one, two} {
		w.read(p)
		w.wantTold(s, p)
	}
	w.read(d)
	if d.Generation != generation {
		t.Errorf("Deployment generation %d, want %d: the pods restart", d.Generation, generation)
	}
	w.settle(s)
	w.wantWrites()
}

// A new pod has mounted the newest configuration, as a rule, and costs no write. What it
// says decides, also after a restart of the operator, which knows of no pod what it was
// given.
func TestANewPodIsToldOnlyIfItIsBehind(t *testing.T) {
	behind := func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.podSaying(s, "new", func() configStatus { return configStatus{Revision: "0000"} })
	}
	tests := map[string]struct {
		come func(*world, *v1alpha1.SecuredMCPServer)
		want []string
	}{
		"it enforces what there is":  {func(w *world, s *v1alpha1.SecuredMCPServer) { w.runningPod(s, "new") }, nil},
		"it enforces something else": {behind, []string{"PATCH pods/a-new"}},
		"it enforces something else, and the operator starts anew": {func(w *world, s *v1alpha1.SecuredMCPServer) {
			behind(w, s)
			w.stop()
			w.operator = startOperator(w.t, w.network)
		}, []string{"PATCH pods/a-new"}},
		"it enforces what there is, and the operator starts anew": {func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.runningPod(s, "new")
			w.stop()
			w.operator = startOperator(w.t, w.network)
		}, nil},
		"it refuses something beside": {func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.podSaying(s, "new", func() configStatus { return configStatus{Revision: w.obedient(s)().Revision, Error: "another"} })
		}, []string{"PATCH pods/a-new"}},
		"it cannot be asked": {func(w *world, s *v1alpha1.SecuredMCPServer) {
			_, runtime := w.runningPod(s, "new")
			runtime.Close()
		}, []string{"PATCH pods/a-new"}},
		"it starts while the configuration changes": {func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.pod(s, "new", corev1.PodStatus{Phase: corev1.PodPending})
			w.settle(s)
			w.update(s, func() { s.Spec.RequiredScopes = nil })
		}, []string{"PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2", "PATCH pods/a-new"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, _, _ := w.withPods()
			tc.come(w, s)
			w.settle(s)
			w.settle(s)
			got := slices.DeleteFunc(w.writes.take(), func(write string) bool { return strings.HasSuffix(write, "/status") })
			if diff := gocmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			w.settle(s)
			w.wantWrites()
		})
	}
}

func TestPodsWithoutKubeletAreNotAnnotated(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.pod(s, "succeeded", corev1.PodStatus{Phase: corev1.PodSucceeded})
	w.pod(s, "failed", corev1.PodStatus{Phase: corev1.PodFailed})
	unscheduled := w.podTemplate(s, "unscheduled")
	unscheduled.Spec.NodeName = ""
	w.create(unscheduled)
	stranger := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "stranger", Namespace: s.Namespace}, Spec: w.podTemplate(s, "x").Spec}
	w.create(stranger)

	w.settle(s)
	w.wantWrites()
}

// wantTold states that p was told of what the ConfigMap has.
func (w *world) wantTold(s *v1alpha1.SecuredMCPServer, p *corev1.Pod) {
	w.t.Helper()
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	if got, want := p.Annotations[revisionAnnotation], s.Status.Revision+"-"+cm.ResourceVersion; got != want {
		w.t.Errorf("pod %s is told of %q, want %q", p.Name, got, want)
	}
}

// The pods may have read what somebody wrote into the ConfigMap by hand, though
// its revision is again the one that they were told of.
func TestAHealedConfigMapIsAnnouncedAnew(t *testing.T) {
	w := newWorld(t)
	s, one, _ := w.withPods()
	cm := named(s, &corev1.ConfigMap{})
	w.update(cm, func() { cm.Data["config.json"] = "{}" })
	one.hold("0000")
	w.settle(s)
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2", "PATCH securedmcpservers/a/status")
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Propagating", "False Propagating")
	one.say(w.obedient(s))
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.writes.take()
	w.settle(s)
	w.wantWrites()
}

// An operator that lost the lease in the middle of a pass has read an older
// ConfigMap than the one that is there.
func TestAnOlderConfigMapIsNotAppliedOverANewerOne(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	w.update(s, func() { s.Spec.RequiredScopes = nil })
	newer := w.writes.before("PATCH configmaps/a", func() {
		cm := named(s, &corev1.ConfigMap{})
		w.read(cm)
		cm.Data["config.json"] = `{"title":"newer"}`
		if err := client.WithFieldOwner(w.person, controllers.FieldOwner).Update(t.Context(), cm); err != nil {
			t.Error(err)
		}
	})
	if err := w.attempt(s); !apierrors.IsConflict(err) {
		t.Fatalf("error %v, want a conflict", err)
	}
	if !newer() {
		t.Fatal("nothing was applied")
	}
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	if got := cm.Data["config.json"]; got != `{"title":"newer"}` {
		t.Errorf("the ConfigMap has %s, want what the newer operator wrote", got)
	}
}
