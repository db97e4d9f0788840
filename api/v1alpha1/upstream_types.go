package v1alpha1

// Upstream is a service that tools call.
//
// +kubebuilder:validation:XValidation:rule="has(self.http)",message="want exactly one of: http"
type Upstream struct {
	// name is what tools refer to: a DNS label. "builtin" is reserved for tools of the runtime image.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="want lower-case letters, digits and hyphens, starting and ending with a letter or digit"
	// +kubebuilder:validation:XValidation:rule="self != 'builtin'",message="builtin is reserved for tools of the runtime image; want another name"
	Name string `json:"name,omitempty"`

	// http is a plain HTTP API.
	// +optional
	HTTP *HTTPUpstream `json:"http,omitempty"`

	// timeoutSeconds bounds one call, from connecting to the last byte. Default: 10.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=300
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`
}

// HTTPUpstream is an HTTP API.
type HTTPUpstream struct {
	// url is the base URL that tool paths are appended to: http or https, without user information, query or fragment. The caller's token
	// is never sent there.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != '' && url(self).getScheme() in ['http', 'https']",message="want an absolute http or https URL, for example http://billing-api.billing.svc:8080"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.matches('^[^/]*//[^/]*@')",message="want no user information, query or fragment"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!-~]*$')",message="want no space or control character, and nothing beyond ASCII: a URL has none (RFC 3986)"
	URL string `json:"url,omitempty"`
}
