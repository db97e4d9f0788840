package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// cause is why pods are not there or not ready, as a condition says it.
type cause struct{ reason, message string }

// obstacle returns what keeps the Deployment from having all its pods ready, or
// nil if nothing is known to. The words are those of whoever saw it, without
// what changes from one attempt to the next: pod names, back-off times.
func (r *Reconciler) obstacle(ctx context.Context, s *scope, d *appsv1.Deployment) (*cause, error) {
	causes := forbidden(d)
	var starting []corev1.Pod
	for i := range s.pods {
		p := &s.pods[i]
		if !p.DeletionTimestamp.IsZero() {
			continue
		}
		causes = append(causes, podCauses(p)...)
		if isStarting(p) {
			starting = append(starting, *p)
		}
	}
	if len(causes) == 0 && len(starting) > 0 {
		return r.missingReference(ctx, s, starting)
	}
	if len(causes) == 0 {
		return nil, nil
	}
	return new(slices.MinFunc(causes, compareCauses)), nil
}

// forbidden reports that pods cannot even be created: quota, Pod Security, an
// admission policy.
func forbidden(d *appsv1.Deployment) []cause {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return []cause{{v1alpha1.ReasonPodsForbidden, "pods cannot be created: " + withoutPodName(c.Message)}}
		}
	}
	return nil
}

// withoutPodName cuts the generated name of a pod from `pods "x-1-2" is
// forbidden: why`, since every attempt has another.
func withoutPodName(message string) string {
	if _, why, ok := strings.Cut(message, " is forbidden: "); ok {
		return why
	}
	return message
}

// podCauses are why p is not ready. One that has failed for good, as on a node that is
// shut down, stays as a record for days, and holds nothing up: another takes its place.
func podCauses(p *corev1.Pod) []cause {
	if isOver(p) {
		return nil
	}
	var causes []cause
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			causes = append(causes, cause{v1alpha1.ReasonUnschedulable, "no node takes a pod: " + c.Message})
		}
	}
	for i := range p.Status.ContainerStatuses {
		status := &p.Status.ContainerStatuses[i]
		c := containerCause(status)
		if c == nil {
			continue
		}
		if status.Name != desired.ContainerName {
			// Somebody has put it there: what it does is not the runtime's doing.
			c.message = fmt.Sprintf("container %s beside the runtime: %s", status.Name, c.message)
		}
		causes = append(causes, *c)
	}
	return causes
}

func containerCause(c *corev1.ContainerStatus) *cause {
	if c.Ready {
		return nil
	}
	if w := c.State.Waiting; w != nil {
		switch w.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError":
			return &cause{v1alpha1.ReasonImagePullFailed, pullMessage(c.Image, w.Message)}
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return &cause{v1alpha1.ReasonContainerConfigInvalid, "the container cannot be started: " + w.Message}
		}
	}
	if exit := cmp.Or(c.State.Terminated, c.LastTerminationState.Terminated); exit != nil {
		return &cause{v1alpha1.ReasonCrashLooping, exitMessage(c.Name, exit)}
	}
	if c.State.Running != nil {
		return &cause{v1alpha1.ReasonNotReady, notReady(c.Name)}
	}
	return nil
}

func notReady(name string) string {
	if name == desired.ContainerName {
		return "the runtime runs and is not ready: its log and /configz on its admin port say why"
	}
	return "it runs and is not ready"
}

// pullMessage takes the underlying error out of "Back-off pulling image: ...",
// so that back-off and attempt read the same.
func pullMessage(image, message string) string {
	if _, detail, ok := strings.Cut(message, "ErrImagePull: "); ok {
		message = detail
	}
	if message == "" || strings.HasPrefix(message, "Back-off pulling image") {
		return fmt.Sprintf("the image %s cannot be pulled", image)
	}
	return fmt.Sprintf("the image %s cannot be pulled: %s", image, message)
}

func exitMessage(name string, exit *corev1.ContainerStateTerminated) string {
	what := fmt.Sprintf("it exits with code %d", exit.ExitCode)
	if name == desired.ContainerName {
		what = fmt.Sprintf("the runtime exits with code %d", exit.ExitCode)
	}
	if exit.Reason != "" && exit.Reason != "Error" && exit.Reason != "Completed" {
		what += " (" + exit.Reason + ")"
	}
	if said := strings.TrimSpace(exit.Message); said != "" {
		what += ": " + lastLine(said)
	}
	return what
}

func lastLine(s string) string {
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// isStarting tells whether a kubelet has the pod and has not created its
// container: it prepares volumes, network and image.
func isStarting(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Waiting != nil && c.State.Waiting.Reason == "ContainerCreating"
	})
}

// causeOrder puts first what a person has to see to first.
var causeOrder = []string{
	v1alpha1.ReasonPodsForbidden, v1alpha1.ReasonUnschedulable, v1alpha1.ReasonImagePullFailed,
	v1alpha1.ReasonContainerConfigInvalid, v1alpha1.ReasonCrashLooping, v1alpha1.ReasonNotReady,
}

func compareCauses(a, b cause) int {
	return cmp.Or(
		cmp.Compare(slices.Index(causeOrder, a.reason), slices.Index(causeOrder, b.reason)),
		cmp.Compare(a.message, b.message))
}
