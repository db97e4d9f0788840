package desired

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// PodDisruptionBudget lets node drains evict one pod at a time. It is nil for a
// single pod that nobody scales: one that may go says nothing. Pods that are not
// ready may always be evicted: they serve nobody.
func PodDisruptionBudget(s *v1alpha1.SecuredMCPServer) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	if s.Spec.Workload.Autoscaling == nil && Replicas(s) < 2 {
		return nil
	}
	return policyv1ac.PodDisruptionBudget(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(Selector(s))).
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow))
}
