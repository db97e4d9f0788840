package controllers_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	w.wantWrites("PATCH pods/a-3")
	w.settle(s)
	w.wantWrites()

	w.update(s, func() { s.Spec.Tools[1].Scopes = []string{"invoices:read"} })
	w.settle(s)
	// The whole price of a change, Enforced included.
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2", "PATCH pods/a-3", "PATCH securedmcpservers/a/status")
	for _, p := range []*corev1.Pod{one, two} {
		w.read(p)
		if got := p.Annotations[revisionAnnotation]; got != s.Status.Revision {
			t.Errorf("pod %s is told of revision %q, want %q", p.Name, got, s.Status.Revision)
		}
	}
	w.read(d)
	if d.Generation != generation {
		t.Errorf("Deployment generation %d, want %d: the pods restart", d.Generation, generation)
	}
	w.settle(s)
	w.wantWrites()
}

func TestPodsWithoutKubeletAreNotAnnotated(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.pod(s, "succeeded", corev1.PodStatus{Phase: corev1.PodSucceeded})
	w.pod(s, "failed", corev1.PodStatus{Phase: corev1.PodFailed})
	unscheduled := w.podTemplate(s, "unscheduled")
	unscheduled.Spec.NodeName = ""
	w.create(unscheduled)
	ending := w.podTemplate(s, "ending")
	ending.Finalizers = []string{"example.com/keep"}
	w.create(ending)
	if err := w.person.Delete(t.Context(), ending); err != nil {
		t.Fatal(err)
	}
	w.read(ending)
	w.seen(ending)
	stranger := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "stranger", Namespace: s.Namespace}, Spec: w.podTemplate(s, "x").Spec}
	w.create(stranger)

	w.settle(s)
	w.wantWrites()
	w.update(ending, func() { ending.Finalizers = nil })
}
