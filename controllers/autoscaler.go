package controllers

import (
	"context"
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// observeAutoscaler adds to Available that the autoscaler does nothing, for example
// because the cluster has no metrics. The server is available, and will not be
// under a load that somebody counts on the autoscaler for.
func (r *Reconciler) observeAutoscaler(ctx context.Context, s *scope) error {
	if s.judged().Spec.Workload.Autoscaling == nil {
		return nil
	}
	var a autoscalingv2.HorizontalPodAutoscaler
	if err := r.own(ctx, s.server, &a); err != nil {
		return fmt.Errorf("reading HorizontalPodAutoscaler: %w", err)
	}
	if why := idle(&a); why != "" {
		s.add(v1alpha1.ConditionAvailable, fmt.Sprintf("the autoscaler does nothing (%s): kubectl describe hpa %s", why, a.Name))
	}
	return nil
}

// idle returns the reason why a does nothing, "" if it does something or is told to
// do nothing. Its message is left out: it has names of pods, and changes.
func idle(a *autoscalingv2.HorizontalPodAutoscaler) string {
	const disabled = "ScalingDisabled" // by 0 replicas, which Available tells
	i := slices.IndexFunc(a.Status.Conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool {
		return c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionFalse && c.Reason != disabled
	})
	if i < 0 {
		return ""
	}
	return a.Status.Conditions[i].Reason
}
