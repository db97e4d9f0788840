package v1alpha1

// Exposure says how clients reach the server from outside of the cluster.
type Exposure struct {
	// ingress asks for an Ingress at the host of spec.resource, with TLS, for two exact paths: the MCP endpoint and its metadata. Taking
	// it away removes the Ingress. Default: none.
	// +optional
	Ingress *Ingress `json:"ingress,omitempty"`

	// from are the pods that may connect to the public port, in clusters that enforce NetworkPolicies: those of the ingress controller,
	// and of clients inside of the cluster. Default: everyone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	From []Peer `json:"from,omitempty"` //nolint:kubeapilinter // a rule of Peer requires one of its fields, as in every NetworkPolicy

	// tls has the pods themselves speak TLS: HTTP/1.1 and HTTP/2 over TLS and nothing else, at port 443 of the Service in place of 80. The Ingress then
	// speaks TLS to them. Turning it on or off restarts the pods. Default: the pods speak plain HTTP.
	// +optional
	TLS *PodTLS `json:"tls,omitempty"`
}

// PodTLS is how the pods speak TLS.
type PodTLS struct {
	// secretName is the Secret of type kubernetes.io/tls in the namespace of the object that the pods mount; the operator does not read it. They
	// wait until it exists, and serve a renewed certificate within about two minutes, without a restart.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a Secret: lower-case letters, digits, hyphens and dots"
	SecretName string `json:"secretName,omitempty"`

	// minVersion is the least version of TLS that is spoken: TLSv1.2 or TLSv1.3. Default: TLSv1.2.
	// +optional
	MinVersion TLSVersion `json:"minVersion,omitempty"`
}

// TLSVersion is a version of TLS.
//
// +kubebuilder:validation:Enum=TLSv1.2;TLSv1.3
type TLSVersion string

// The versions of TLS.
const (
	TLSv12 TLSVersion = "TLSv1.2"
	TLSv13 TLSVersion = "TLSv1.3"
)

// Ingress is an Ingress with TLS.
type Ingress struct {
	// className is the IngressClass. Default: the cluster's default class.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of an IngressClass: lower-case letters, digits, hyphens and dots"
	ClassName string `json:"className,omitempty"`

	// annotations are put on the Ingress, for its controller. Default: none.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// tls is the certificate that is served. There is no exposure without one.
	// +required
	TLS IngressTLS `json:"tls,omitzero"`
}

// IngressTLS is the certificate of an Ingress.
type IngressTLS struct {
	// secretName is the Secret of type kubernetes.io/tls in the namespace of the object, for the host of spec.resource. The operator
	// neither reads nor creates it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a Secret: lower-case letters, digits, hyphens and dots"
	SecretName string `json:"secretName,omitempty"`
}
