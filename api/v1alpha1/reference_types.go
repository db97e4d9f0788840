package v1alpha1

// ConfigMapKeyRef names one key of a ConfigMap in the namespace of the object.
type ConfigMapKeyRef struct {
	// name is the name of the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a ConfigMap: lower-case letters, digits, hyphens and dots"
	Name string `json:"name,omitempty"`

	// key is the key of the ConfigMap. Default: ca.crt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'",message="want the key of a ConfigMap: letters, digits, hyphens, underscores and dots"
	Key string `json:"key,omitempty"`
}

// SecretKeyRef names one key of a Secret in the namespace of the object. Pods mount it; the operator has no right to read it.
type SecretKeyRef struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a Secret: lower-case letters, digits, hyphens and dots"
	Name string `json:"name,omitempty"`

	// key is the key of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'",message="want the key of a Secret: letters, digits, hyphens, underscores and dots"
	Key string `json:"key,omitempty"`
}
