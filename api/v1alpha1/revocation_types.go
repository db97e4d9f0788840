package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Revocation refuses access tokens before they expire, those that were accepted already included, as soon as the configuration reaches the pods.
// A token that meets any one of its fields is answered 401 invalid_token.
type Revocation struct {
	// issuedBefore refuses tokens whose iat is earlier, and those without iat. A time to come refuses every token until then. Default: none.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="want a date and a time, for example 2026-01-02T03:04:05Z"
	IssuedBefore *metav1.Time `json:"issuedBefore,omitempty"` // the format alone lets lists pass, which no client could decode

	// subjects refuses tokens by sub. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Subjects []string `json:"subjects,omitempty"`

	// clients refuses tokens by client_id, azp, appid or cid. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Clients []string `json:"clients,omitempty"`

	// tokenIDs refuses tokens by jti. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	TokenIDs []string `json:"tokenIDs,omitempty"`
}
