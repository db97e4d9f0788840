package controllers_test

import (
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// rolled does what the Deployment controller would do: so many pods are of the
// newest template, and all are available.
func (w *world) rolled(s *v1alpha1.SecuredMCPServer, updated, all int32) {
	w.t.Helper()
	d := named(s, &appsv1.Deployment{})
	w.updateStatus(d, func() {
		d.Status.ObservedGeneration = d.Generation
		d.Status.Replicas, d.Status.UpdatedReplicas = all, updated
		d.Status.ReadyReplicas, d.Status.AvailableReplicas = all, all
	})
}

// The old pods enforce the revision and are available, and are not what the spec
// asks for.
func TestReadyWaitsForTheNewestPodTemplate(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.events.take()
	w.update(s, func() { s.Spec.Workload.Image = "ghcr.io/securedmcp/runtime:other" })
	w.settle(s)
	w.rolled(s, 0, 2)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False RollingOut", "False RollingOut")
	w.wantMessage(s, "Ready", "0 of 2 replicas are of the newest pod template")
	wantHealth(t, s, "Progressing")
	w.writes.take()
	w.settle(s)
	w.wantWrites()

	t.Run("however long it is paused", func(t *testing.T) {
		w := w.in(t)
		d := named(s, &appsv1.Deployment{})
		w.update(d, func() { d.Spec.Paused = true })
		w.rolled(s, 0, 2)
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Paused", "False Paused")
		wantHealth(t, s, "Suspended")
		w.update(d, func() { d.Spec.Paused = false })
	})
	w.rolled(s, 2, 3)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False RollingOut", "False RollingOut")
	w.rolled(s, 2, 2)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// Whatever else is wrong: who bets on Enforced reads that condition alone.
func TestPodsOfAnOlderTemplateAreToldBesideOtherTrouble(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas = new(int32(1))
	w.serve(s, "1")
	w.create(named(s, &policyv1.PodDisruptionBudget{}))
	w.update(s, func() { s.Spec.Workload.Image, s.Spec.Workload.Replicas = "ghcr.io/securedmcp/runtime:other", nil })
	w.settle(s)
	w.rolled(s, 0, 2)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "False NameConflict", "True Exposed", "False RollingOut", "False NameConflict")
	w.rolled(s, 2, 2)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "False NameConflict", "True Exposed", "True Enforced", "False NameConflict")
}

func TestPodsOfAnOlderTemplateAreToldWhenNobodyKnowsWhatHoldsTheNewOnesUp(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() { s.Spec.Workload.Image = "ghcr.io/securedmcp/runtime:other" })
	w.settle(s)
	w.rolled(s, 0, 2)
	w.pod(s, "new", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}})
	w.faults.arm(0, answers(http.StatusInternalServerError, metav1.StatusReasonInternalError))
	err := w.attempt(s)
	if call := w.faults.disarm(); err == nil || !strings.HasSuffix(call, "/configmaps/issuer-ca") {
		t.Fatalf("%s went wrong, and the pass with %v; want the look for the CA bundle to, and the pass with it", call, err)
	}
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False RollingOut", "False RollingOut")
}

// Until it has ended, an old pod serves those who hold connections to it, though the
// Deployment counts it no more.
func TestAPodOfAnOlderTemplateIsWaitedForToItsEnd(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	old, runtime := w.runningPod(s, "old")
	runtime.hold(s.Status.Revision)
	w.update(old, func() { ofReplicaSet(s, old, "older") })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")

	w.ends(old)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False RollingOut", "False RollingOut")
	w.wantMessage(s, "Enforced", "pod a-old of an older pod template takes requests until it ends: it is being deleted")
	w.updateStatus(old, func() { old.Status.Phase = corev1.PodSucceeded })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")

	t.Run("one of the newest template is not", func(t *testing.T) {
		w := w.in(t)
		leaving, runtime := w.runningPod(s, "leaving")
		runtime.hold(s.Status.Revision)
		w.ends(leaving)
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	})
}

// What the pods speak is part of the revision: nobody who runs with the old
// minimum counts as enforcing.
func TestALeastVersionOfTLSIsPartOfTheRevision(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
	w.create(s)
	w.settle(s)
	_, r := w.runningPod(s, "1")
	w.settle(s)
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	generation, before := d.Generation, s.Status.Revision
	r.hold(before)
	w.update(s, func() { s.Spec.Exposure.TLS.MinVersion = v1alpha1.TLSv13 })
	w.settle(s)
	if s.Status.Revision == before {
		t.Error("the revision is that of before")
	}
	if got := conditions(s)["Enforced"]; got != "False Propagating" {
		t.Errorf("Enforced is %s, want False Propagating", got)
	}
	if w.read(d); d.Generation != generation {
		t.Error("the pods restart")
	}
}
