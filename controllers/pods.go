package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

// serverIndex finds pods by the name of their server.
const serverIndex = "server"

// findPods lists the server's pods once, by name, so that all phases of a pass
// speak of the same ones. Those that have its labels and are not of its
// Deployment are kept apart.
func (r *Reconciler) findPods(ctx context.Context, s *scope) error {
	var pods corev1.PodList
	err := r.client.List(ctx, &pods, client.InNamespace(s.server.Namespace),
		client.MatchingFields{serverIndex: s.server.Name}, client.MatchingLabels(desired.Selector(s.server)))
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	for _, p := range pods.Items {
		if isOfDeployment(&p) {
			s.pods = append(s.pods, p)
		} else {
			s.foreignPods = append(s.foreignPods, p)
		}
	}
	return nil
}

// isOfDeployment tells whether p was made by a ReplicaSet of its server's
// Deployment. The operator reads no ReplicaSets: their names are those of the
// Deployment and the template, and a pod whose owner does not exist is collected
// as garbage.
func isOfDeployment(p *corev1.Pod) bool {
	owner := metav1.GetControllerOf(p)
	return owner != nil && owner.Kind == "ReplicaSet" &&
		owner.Name == p.Labels[desired.LabelInstance]+"-"+p.Labels[labelTemplate]
}

// labelTemplate is what the Deployment controller tells templates apart by.
const labelTemplate = "pod-template-hash"

// takesRequests tells whether p gets requests, or may do so still: once a pod was
// ready, clients hold connections to it, and neither its deletion nor the silence
// of its node ends them. Only the end of its runtime does.
func takesRequests(p *corev1.Pod) bool {
	return p.UID != "" && p.Status.PodIP != "" && !hasEnded(p) && (isReady(p) || wasReady(p))
}

func isReady(p *corev1.Pod) bool {
	c := readiness(p)
	return c != nil && c.Status == corev1.ConditionTrue
}

// wasReady tells whether p has been ready since its runtime started. Where a node
// has fallen silent, the pod is not ready and what the kubelet said last of the
// container stands.
func wasReady(p *corev1.Pod) bool {
	ready, container := readiness(p), runtimeContainer(p)
	if ready == nil || container == nil || container.State.Running == nil {
		return false
	}
	return container.Ready || ready.LastTransitionTime.After(container.State.Running.StartedAt.Time)
}

// hasEnded tells whether the runtime of p does not run, be it for good.
func hasEnded(p *corev1.Pod) bool {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return true
	}
	c := runtimeContainer(p)
	return c != nil && (c.State.Terminated != nil || c.State.Waiting != nil)
}

// hasStarted tells whether the runtime of p runs, or has run.
func hasStarted(p *corev1.Pod) bool {
	c := runtimeContainer(p)
	return c != nil && (c.State.Running != nil || c.State.Terminated != nil || c.RestartCount > 0)
}

func readiness(p *corev1.Pod) *corev1.PodCondition {
	i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	if i < 0 {
		return nil
	}
	return &p.Status.Conditions[i]
}

func runtimeContainer(p *corev1.Pod) *corev1.ContainerStatus {
	i := slices.IndexFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.Name == desired.ContainerName })
	if i < 0 {
		return nil
	}
	return &p.Status.ContainerStatuses[i]
}
