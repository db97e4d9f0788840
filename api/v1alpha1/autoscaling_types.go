package v1alpha1

// Autoscaling leaves the number of pods to a HorizontalPodAutoscaler, which
// needs the metrics API of the cluster.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",fieldPath=".maxReplicas",message="want maxReplicas to be minReplicas or more"
// +kubebuilder:validation:XValidation:rule="has(self.minReplicas) || self.maxReplicas >= 2",fieldPath=".maxReplicas",message="want 2 or more, which is the default of minReplicas, or minReplicas: 1"
type Autoscaling struct {
	// minReplicas is the least number of pods. Default: 2.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinReplicas int32 `json:"minReplicas,omitempty"`

	// maxReplicas is the largest number of pods.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxReplicas int32 `json:"maxReplicas,omitempty"`

	// targetCPUUtilization is the share of the requested CPU, in percent and on average over the pods, above which pods are added.
	// Default: 70.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	TargetCPUUtilization int32 `json:"targetCPUUtilization,omitempty"`
}
