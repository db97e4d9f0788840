package desired

import (
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// schedule copies what the spec says about nodes into the pod.
func schedule(s *v1alpha1.SecuredMCPServer, pod *corev1ac.PodSpecApplyConfiguration) *corev1ac.PodSpecApplyConfiguration {
	in := &s.Spec.Workload.Scheduling
	pod.WithTopologySpreadConstraints(spread(s)...)
	if len(in.NodeSelector) > 0 {
		pod.WithNodeSelector(in.NodeSelector)
	}
	for i := range in.Tolerations {
		pod.WithTolerations(as[corev1ac.TolerationApplyConfiguration](in.Tolerations[i]))
	}
	if in.Affinity != nil {
		pod.WithAffinity(as[corev1ac.AffinityApplyConfiguration](in.Affinity))
	}
	if in.PriorityClassName != "" {
		pod.WithPriorityClassName(in.PriorityClassName)
	}
	return pod
}

func spread(s *v1alpha1.SecuredMCPServer) []*corev1ac.TopologySpreadConstraintApplyConfiguration {
	ours := func() *metav1ac.LabelSelectorApplyConfiguration {
		return metav1ac.LabelSelector().WithMatchLabels(Selector(s))
	}
	given := s.Spec.Workload.Scheduling.TopologySpreadConstraints
	if len(given) == 0 {
		return []*corev1ac.TopologySpreadConstraintApplyConfiguration{corev1ac.TopologySpreadConstraint().
			WithMaxSkew(1).
			WithTopologyKey(corev1.LabelHostname).
			WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(ours())}
	}
	var out []*corev1ac.TopologySpreadConstraintApplyConfiguration
	for i := range given {
		constraint := as[corev1ac.TopologySpreadConstraintApplyConfiguration](given[i])
		if constraint.LabelSelector == nil {
			constraint.WithLabelSelector(ours())
		}
		out = append(out, constraint)
	}
	return out
}

// podLabels are those of the spec and ours, which win: the API allows none of
// ours in the spec.
func podLabels(s *v1alpha1.SecuredMCPServer) map[string]string {
	all := maps.Clone(s.Spec.Workload.PodLabels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, labels(s))
	return all
}

// as returns in as its apply configuration, which has the same JSON.
func as[A any](in any) *A {
	out := new(A)
	raw, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		panic(err) // two generated types of one schema
	}
	return out
}
