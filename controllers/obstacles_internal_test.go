package controllers

import (
	"cmp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// The statuses are what kubelets, schedulers and the Deployment controller
// write; the same trouble must read the same at every attempt.
func TestPodTroubleIsTheCause(t *testing.T) {
	waiting := func(reason, message string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Image: "img:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	}
	crashed := &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "starting\nreading config: nope\n"}
	tests := map[string]struct {
		status corev1.PodStatus
		want   []cause
	}{
		"a running and ready pod":     {containers(corev1.ContainerStatus{Ready: true}), nil},
		"a pod that is being started": {containers(waiting("ContainerCreating", "")), nil},
		"the first failed pull": {
			containers(waiting("ErrImagePull", `failed to pull and unpack image "img:1": not found`)),
			[]cause{{v1alpha1.ReasonImagePullFailed, `the image img:1 cannot be pulled: failed to pull and unpack image "img:1": not found`}},
		},
		"the pause after a failed pull": {
			containers(waiting("ImagePullBackOff", `Back-off pulling image "img:1": ErrImagePull: failed to pull and unpack image "img:1": not found`)),
			[]cause{{v1alpha1.ReasonImagePullFailed, `the image img:1 cannot be pulled: failed to pull and unpack image "img:1": not found`}},
		},
		"the pause after a failed pull in an older kubelet's words": {
			containers(waiting("ImagePullBackOff", `Back-off pulling image "img:1"`)),
			[]cause{{v1alpha1.ReasonImagePullFailed, "the image img:1 cannot be pulled"}},
		},
		"an image that must be there and is not": {
			containers(waiting("ErrImageNeverPull", `Container image "img:1" is not present with pull policy of Never`)),
			[]cause{{v1alpha1.ReasonImagePullFailed, `the image img:1 cannot be pulled: Container image "img:1" is not present with pull policy of Never`}},
		},
		"a container that cannot be configured": {
			containers(waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")),
			[]cause{{v1alpha1.ReasonContainerConfigInvalid, "the container cannot be started: container has runAsNonRoot and image will run as root"}},
		},
		"a crash": {
			containers(corev1.ContainerStatus{State: corev1.ContainerState{Terminated: crashed}}),
			[]cause{{v1alpha1.ReasonCrashLooping, "the runtime exits with code 1: reading config: nope"}},
		},
		"the pause after a crash": {
			containers(corev1.ContainerStatus{
				State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 20s restarting failed container"}},
				LastTerminationState: corev1.ContainerState{Terminated: crashed},
			}),
			[]cause{{v1alpha1.ReasonCrashLooping, "the runtime exits with code 1: reading config: nope"}},
		},
		"another attempt after a crash": {
			containers(corev1.ContainerStatus{
				State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				LastTerminationState: corev1.ContainerState{Terminated: crashed},
			}),
			[]cause{{v1alpha1.ReasonCrashLooping, "the runtime exits with code 1: reading config: nope"}},
		},
		"too little memory": {
			containers(corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}}),
			[]cause{{v1alpha1.ReasonCrashLooping, "the runtime exits with code 137 (OOMKilled)"}},
		},
		"a runtime that is not ready": {
			containers(corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}),
			[]cause{{v1alpha1.ReasonNotReady, "the runtime runs and is not ready: its log and /configz on its admin port say why"}},
		},
		"a container that somebody has put beside it": {
			containers(corev1.ContainerStatus{Name: "mesh", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}),
			[]cause{{v1alpha1.ReasonNotReady, "container mesh beside the runtime: it runs and is not ready"}},
		},
		"one that crashes": {
			containers(corev1.ContainerStatus{Ready: true}, corev1.ContainerStatus{Name: "mesh", State: corev1.ContainerState{Terminated: crashed}}),
			[]cause{{v1alpha1.ReasonCrashLooping, "container mesh beside the runtime: it exits with code 1: reading config: nope"}},
		},
		"a pod that its node has ended for good": {
			corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Terminated", ContainerStatuses: []corev1.ContainerStatus{{
				Name: "runtime", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"}},
			}}},
			nil,
		},
		"no node": {
			corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 Insufficient memory."}}},
			[]cause{{v1alpha1.ReasonUnschedulable, "no node takes a pod: 0/1 nodes are available: 1 Insufficient memory."}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := podCauses(&corev1.Pod{Status: test.status})
			if diff := gocmp.Diff(test.want, got, gocmp.AllowUnexported(cause{})); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForbiddenPodsReadTheSameForEveryName(t *testing.T) {
	failure := func(pod string) *appsv1.Deployment {
		return &appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
			Message: `pods "` + pod + `" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0`,
		}}}}
	}
	want := []cause{{v1alpha1.ReasonPodsForbidden, "pods cannot be created: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"}}
	for _, pod := range []string{"a-6d9-x2b", "a-6d9-9qk"} {
		if diff := gocmp.Diff(want, forbidden(failure(pod)), gocmp.AllowUnexported(cause{})); diff != "" {
			t.Errorf("causes (-want +got):\n%s", diff)
		}
	}
	if got := forbidden(&appsv1.Deployment{}); got != nil {
		t.Errorf("causes %v of a Deployment that says nothing, want none", got)
	}
}

func containers(statuses ...corev1.ContainerStatus) corev1.PodStatus {
	for i := range statuses {
		statuses[i].Name = cmp.Or(statuses[i].Name, "runtime")
	}
	return corev1.PodStatus{ContainerStatuses: statuses}
}
