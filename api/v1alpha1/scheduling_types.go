package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Scheduling says on which nodes pods may run. The fields are those of every
// pod; there is none for host access, volumes or another service account.
type Scheduling struct {
	// nodeSelector are labels that a node must have. Default: none.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations let pods run on nodes with these taints. Default: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity prefers or demands nodes by their labels, or by the pods that they run. Default: none.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// topologySpreadConstraints spread pods over nodes or zones; a constraint without labelSelector counts the pods of this server.
	// Default: over nodes, where that is possible.
	// +optional
	// +listType=map
	// +listMapKey=topologyKey
	// +listMapKey=whenUnsatisfiable
	// +kubebuilder:validation:MaxItems=8
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// priorityClassName is the PriorityClass of the pods. Default: that of the cluster.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a PriorityClass: lower-case letters, digits, hyphens and dots"
	PriorityClassName string `json:"priorityClassName,omitempty"`
}
