package controllers_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestTroubleShowsInAvailable(t *testing.T) {
	waiting := func(reason, message string) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "runtime", Image: runtimeImage, ImageID: "x",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		}}}
	}
	const noBundle = "the pods wait for ConfigMap issuer-ca, which spec.tokens.caBundleRef names and which does not exist"
	tests := map[string]struct {
		pods            []corev1.PodStatus
		bundle          *corev1.ConfigMap
		condition, text string
	}{
		"nothing known": {nil, nil, "False Progressing", "waiting for the replicas to become ready"},
		"no CA bundle":  {[]corev1.PodStatus{waiting("ContainerCreating", "")}, nil, "False CABundleMissing", noBundle},
		"a CA bundle without the key": {
			[]corev1.PodStatus{waiting("ContainerCreating", "")},
			&corev1.ConfigMap{Data: map[string]string{"other": "x"}},
			"False CABundleMissing", "the pods wait for key ca.crt of ConfigMap issuer-ca, which spec.tokens.caBundleRef names and which does not exist",
		},
		"a CA bundle": {
			[]corev1.PodStatus{waiting("ContainerCreating", "")},
			&corev1.ConfigMap{Data: map[string]string{"ca.crt": "x"}},
			"False Progressing", "waiting for the replicas to become ready",
		},
		"a binary CA bundle": {
			[]corev1.PodStatus{waiting("ContainerCreating", "")},
			&corev1.ConfigMap{BinaryData: map[string][]byte{"ca.crt": {'x'}}},
			"False Progressing", "waiting for the replicas to become ready",
		},
		"an image that is not there, beside a pod that starts": {
			[]corev1.PodStatus{waiting("ContainerCreating", ""), waiting("ErrImagePull", "not found")},
			nil,
			"False ImagePullFailed", "the image " + runtimeImage + " cannot be pulled: not found",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			w.create(s)
			w.settle(s)
			if test.bundle != nil {
				test.bundle.Name, test.bundle.Namespace = "issuer-ca", w.namespace
				w.create(test.bundle)
			}
			for i, status := range test.pods {
				w.pod(s, string(rune('x'+i)), status)
			}
			w.settle(s)
			if got := conditions(s)["Available"]; got != test.condition {
				t.Errorf("Available is %s, want %s", got, test.condition)
			}
			if got := message(s, "Available"); got != test.text {
				t.Errorf("message %q, want %q", got, test.text)
			}
		})
	}
}

// Old pods serve while an update is held up: available, and not all is well.
func TestHeldUpUpdateDoesNotTakeAvailabilityAway(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	d := named(s, &appsv1.Deployment{})
	w.updateStatus(d, func() {
		d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
			Message: `pods "a-1" is forbidden: violates PodSecurity "restricted:latest"`,
		})
	})
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	want := `2 of 2 replicas are available; another pod is held up: pods cannot be created: violates PodSecurity "restricted:latest"`
	if got := message(s, "Available"); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// Nodes that are shut down, or have no memory left, leave their pods behind for days:
// another has taken the place of each.
func TestAPodThatHasFailedForGoodHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.pod(s, "evicted", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Terminated", ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"}},
	}}})
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.wantMessage(s, "Available", "2 of 2 replicas are available")
	w.wantWrites()
}

// Until the Deployment controller has looked, "available" is about pods that are
// no longer asked for, or about none at all.
func TestOutdatedDeploymentStatusIsNotBelieved(t *testing.T) {
	tests := map[string]struct {
		observed, text, enforced string
		generation               int64
	}{
		"of an older spec":        {"Unknown Progressing", "the status of the Deployment is not yet about its newest spec", "Unknown RollingOut", 1},
		"of a spec never seen":    {"False Progressing", "waiting for the replicas to become ready", "Unknown RollingOut", 0},
		"of the newest spec, yes": {"True Available", "2 of 2 replicas are available", "True Enforced", 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.ready("a")
			w.update(s, func() { s.Spec.Workload.Image = "ghcr.io/securedmcp/runtime:other" })
			w.settle(s)
			d := named(s, &appsv1.Deployment{})
			w.updateStatus(d, func() { d.Status.ObservedGeneration = test.generation })
			w.settle(s)
			w.wantConditions(s, "True Accepted", test.observed, "True Exposed", test.enforced, strings.Replace(test.observed, "True Available", "True Ready", 1))
			if got := message(s, "Available"); got != test.text {
				t.Errorf("message %q, want %q", got, test.text)
			}
		})
	}
}
