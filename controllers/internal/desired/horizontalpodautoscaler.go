package desired

import (
	"cmp"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	autoscalingv2ac "k8s.io/client-go/applyconfigurations/autoscaling/v2"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// defaultTargetCPUUtilization is in percent of the requested CPU.
const defaultTargetCPUUtilization = 70

// HorizontalPodAutoscaler decides the number of pods. It is nil when
// spec.workload.autoscaling is not set.
func HorizontalPodAutoscaler(s *v1alpha1.SecuredMCPServer) *autoscalingv2ac.HorizontalPodAutoscalerApplyConfiguration {
	a := s.Spec.Workload.Autoscaling
	if a == nil {
		return nil
	}
	return autoscalingv2ac.HorizontalPodAutoscaler(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(autoscalingv2ac.HorizontalPodAutoscalerSpec().
			WithScaleTargetRef(autoscalingv2ac.CrossVersionObjectReference().
				WithAPIVersion(appsv1.SchemeGroupVersion.String()).
				WithKind("Deployment").
				WithName(s.Name)).
			WithMinReplicas(MinReplicas(s)).
			WithMaxReplicas(a.MaxReplicas).
			WithMetrics(autoscalingv2ac.MetricSpec().
				WithType(autoscalingv2.ResourceMetricSourceType).
				WithResource(autoscalingv2ac.ResourceMetricSource().
					WithName(corev1.ResourceCPU).
					WithTarget(autoscalingv2ac.MetricTarget().
						WithType(autoscalingv2.UtilizationMetricType).
						WithAverageUtilization(cmp.Or(a.TargetCPUUtilization, defaultTargetCPUUtilization))))))
}
