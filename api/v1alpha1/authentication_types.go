package v1alpha1

// Authentication is what a token has to say about the user's login (RFC 9470). Who does not meet it is asked to log in again: 401
// insufficient_user_authentication with the acr_values and max_age that are wanted.
type Authentication struct {
	// acrValues are authentication context class references, in order of preference; the token's acr must be one of them. Each is printable
	// ASCII without space, quote and backslash. Those of a tool have one in common with those of the server. Default: any, and none at all.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[!#-\\\\[\\\\]-~]+$')",message="want printable ASCII characters without space, quote or backslash: it stands in a challenge"
	ACRValues []string `json:"acrValues,omitempty"`

	// maxAgeSeconds is how long ago the login, auth_time of the token, may be, in seconds, clock skew apart. A token that does not say when is
	// refused. Default: any time.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	MaxAgeSeconds int32 `json:"maxAgeSeconds,omitempty"`
}
