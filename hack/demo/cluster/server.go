package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Server reads a SecuredMCPServer.
func (c *Cluster) Server(ctx context.Context, key client.ObjectKey) (*v1alpha1.SecuredMCPServer, error) {
	s := new(v1alpha1.SecuredMCPServer)
	return s, c.Get(ctx, key, s)
}

// Conditions says how a server is, in one line: "Accepted, Available=False
// Progressing: 1 of 2 replicas".
func Conditions(s *v1alpha1.SecuredMCPServer) string {
	if s.Status.ObservedGeneration != s.Generation {
		return fmt.Sprintf("generation %d is not observed yet (%d is)", s.Generation, s.Status.ObservedGeneration)
	}
	var out []string
	for _, condition := range s.Status.Conditions {
		out = append(out, describe(condition))
	}
	return cmp.Or(strings.Join(out, ", "), "no conditions")
}

func describe(c metav1.Condition) string {
	if c.Status == metav1.ConditionTrue {
		return c.Type
	}
	return fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
}

// IsTrue tells whether a condition of the current generation is True.
func IsTrue(s *v1alpha1.SecuredMCPServer, condition string) bool {
	c := meta.FindStatusCondition(s.Status.Conditions, condition)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == s.Generation
}

// Pods lists the pods of a Deployment that are not on their way out, by name.
func (c *Cluster) Pods(ctx context.Context, deployment client.ObjectKey) ([]corev1.Pod, error) {
	var d appsv1.Deployment
	if err := c.Get(ctx, deployment, &d); err != nil {
		return nil, err
	}
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	if err := c.List(ctx, &list, client.InNamespace(deployment.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, err
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods, nil
}

// RolledOut tells whether a Deployment runs what it says, and only that; if
// not, state says how far it is.
func (c *Cluster) RolledOut(ctx context.Context, key client.ObjectKey) (done bool, state string, err error) {
	var d appsv1.Deployment
	if err := c.Get(ctx, key, &d); apierrors.IsNotFound(err) {
		return false, "Deployment " + key.Name + " does not exist yet", nil
	} else if err != nil {
		return false, "", err
	}
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	s := d.Status
	if s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == want && s.AvailableReplicas == want && s.Replicas == want {
		return true, "", nil
	}
	pods, err := c.Pods(ctx, key)
	if err != nil {
		return false, "", err
	}
	return false, fmt.Sprintf("%s: %d of %d replicas are available%s", key.Name, s.AvailableReplicas, want, troubles(pods)), nil
}

func troubles(pods []corev1.Pod) string {
	var out strings.Builder
	for i := range pods {
		if trouble := Trouble(&pods[i]); trouble != "" {
			out.WriteString("; " + pods[i].Name + ": " + trouble)
		}
	}
	return out.String()
}

// Trouble says why a pod is not ready, in the words of Kubernetes; "" if it is.
func Trouble(p *corev1.Pod) string {
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch {
		case s.State.Waiting != nil:
			return strings.TrimSuffix(s.State.Waiting.Reason+": "+s.State.Waiting.Message, ": ")
		case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
			return fmt.Sprintf("%s: exit code %d", s.State.Terminated.Reason, s.State.Terminated.ExitCode)
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue && (c.Type == corev1.PodScheduled || c.Type == corev1.PodReady) {
			return strings.TrimSuffix(fmt.Sprintf("not %s: %s %s", c.Type, c.Reason, c.Message), " ")
		}
	}
	return ""
}
