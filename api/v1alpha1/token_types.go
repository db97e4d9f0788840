package v1alpha1

// Tokens says how access tokens are verified.
type Tokens struct {
	// caBundleRef names a ConfigMap key with the PEM certificates that the issuer's certificate may chain to, in place of the system's roots.
	// For issuers with a private certificate authority. The pods wait until it exists. Default: the system's roots.
	// +optional
	CABundleRef *ConfigMapKeyRef `json:"caBundleRef,omitempty"`
}

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
