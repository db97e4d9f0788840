package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Peer is a set of pods, by the labels of their namespaces and of themselves.
//
// +kubebuilder:validation:XValidation:rule="has(self.namespaceSelector) || has(self.podSelector)",message="want namespaceSelector, podSelector or both; {namespaceSelector: {}} is every pod of the cluster"
type Peer struct {
	// namespaceSelector selects namespaces by their labels; {} is all of them. Every namespace has the label kubernetes.io/metadata.name.
	// Default: the namespace of the object.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// podSelector selects pods of these namespaces by their labels. Default: all.
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
}

// Egress says where the pods may connect to.
//
// +kubebuilder:validation:Enum=Open;Declared
type Egress string

// The kinds of egress.
const (
	// EgressOpen restricts nothing.
	EgressOpen Egress = "Open"
	// EgressDeclared is DNS, the issuer, and the namespaces of the upstreams.
	EgressDeclared Egress = "Declared"
)
