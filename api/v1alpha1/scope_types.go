package v1alpha1

// Scope is one OAuth scope and what it includes.
type Scope struct {
	// name is the scope as it appears in access tokens: printable ASCII without space, quote and backslash (RFC 6749 section 3.3).
	// offline_access is between client and authorization server and is refused here.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!#-\\\\[\\\\]-~]+$')",message="want printable ASCII characters without space, quote or backslash (RFC 6749 section 3.3)"
	// +kubebuilder:validation:XValidation:rule="self != 'offline_access'",message="offline_access is between client and authorization server; a resource server neither needs nor advertises it"
	Name string `json:"name,omitempty"`

	// description tells people what a holder may do. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// implies lists narrower scopes, by the names they are declared with, that a holder of this one has too, and those that they imply
	// in turn. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Implies []string `json:"implies,omitempty"`

	// grantedBy is a CEL expression over claims, the members of the access token, for example 'billing-admins' in claims.groups. A token
	// for which it is true holds the scope without naming it: for clients that cannot ask for scopes of one's own. False grants nothing, and
	// so does an expression that fails, over a claim that is missing for example. One that does not compile is InvalidSpec, and
	// so is one with more than 32 lists and 4 maps, with those that map and filter make, or with regular expressions that come to more than
	// 20000 instructions. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	GrantedBy string `json:"grantedBy,omitempty"`
}
