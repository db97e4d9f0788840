package v1alpha1

// Exposure says how clients reach the server from outside of the cluster.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ingress) || !has(self.gateway)",message="want ingress or gateway, not both: one URL has one route"
type Exposure struct {
	// ingress asks for an Ingress at the host of spec.resource, with TLS, for two exact paths: the MCP endpoint and its metadata. Taking
	// it away removes the Ingress. Default: none.
	// +optional
	Ingress *Ingress `json:"ingress,omitempty"`

	// gateway asks for an HTTPRoute (Gateway API) at the host of spec.resource, for the same two paths, in place of an Ingress. The cluster
	// needs the CustomResourceDefinitions of the Gateway API; while it has none, Exposed says APIMissing. Taking it away removes the HTTPRoute. Default: none.
	// +optional
	Gateway *Gateway `json:"gateway,omitempty"`

	// from are the pods that may connect to the public port, in clusters that enforce NetworkPolicies: those of the ingress controller,
	// and of clients inside of the cluster. Default: everyone; an empty list, which reads like nobody, is refused.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	From []Peer `json:"from,omitempty"` //nolint:kubeapilinter // a rule of Peer requires one of its fields, as in every NetworkPolicy

	// tls has the pods themselves speak TLS: HTTP/1.1 and HTTP/2 over TLS and nothing else, at port 443 of the Service in place of 80. The Ingress then
	// speaks TLS to them. Turning it on or off restarts the pods. Default: the pods speak plain HTTP.
	// +optional
	TLS *PodTLS `json:"tls,omitempty"`
}

// Gateway is an HTTPRoute of one or more Gateways. The listeners of these terminate TLS, with certificates of their own: a listener without TLS has
// clients send their tokens in the clear. With exposure.tls, a BackendTLSPolicy has to tell them to speak TLS to the pods: for the
// port https of the Service (sectionName), so that it can be there before exposure.tls is turned on.
type Gateway struct {
	// parentRefs are the Gateways, or single listeners of them, that the route is attached to; each must allow routes from the namespace of the object.
	// Exposed is True when all of them accept it.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a == b))",message="want each Gateway or listener once"
	ParentRefs []ParentRef `json:"parentRefs,omitempty"`
}

// ParentRef names a Gateway, or one or more of its listeners.
type ParentRef struct {
	// name is the name of the Gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a Gateway: lower-case letters, digits, hyphens and dots"
	Name string `json:"name,omitempty"`

	// namespace is that of the Gateway. Default: the namespace of the object.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="want the name of a namespace: lower-case letters, digits and hyphens"
	Namespace string `json:"namespace,omitempty"`

	// sectionName is the name of a listener. Default: every listener that takes the host.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a listener: lower-case letters, digits, hyphens and dots"
	SectionName string `json:"sectionName,omitempty"`

	// port selects the listeners of one port. Default: any port.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// PodTLS is how the pods speak TLS.
type PodTLS struct {
	// secretName is the Secret of type kubernetes.io/tls in the namespace of the object that the pods mount; the operator does not read it. They
	// wait until it exists, and serve a renewed certificate within about two minutes, without a restart. Where pods without TLS serve already, they
	// do so until as many with TLS are ready.
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
	TLS IngressTLS `json:"tls,omitzero"` //nolint:kubeapilinter // the rule of IngressTLS says in words that it is not to be empty
}

// IngressTLS is the certificate of an Ingress: a Secret that somebody makes, or one that cert-manager makes.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretName) != has(self.issuerRef)",message="want exactly one of secretName, the Secret that holds the certificate, and issuerRef, the cert-manager issuer to ask for one"
type IngressTLS struct {
	// secretName is the Secret of type kubernetes.io/tls in the namespace of the object, for the host of spec.resource. The operator
	// neither reads nor creates it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of a Secret: lower-case letters, digits, hyphens and dots"
	SecretName string `json:"secretName,omitempty"`

	// issuerRef is the cert-manager issuer that is asked for the certificate: the operator makes a Certificate with the name of the object, for the host
	// of spec.resource, and cert-manager keeps what it issues in the Secret NAME-securedmcp-tls, which stays when issuerRef goes. Exposed is False until
	// the Certificate is Ready. Needs cert-manager in the cluster.
	// +optional
	IssuerRef *IssuerRef `json:"issuerRef,omitempty"`
}

// IssuerRef is an issuer of cert-manager, or one that works with it.
//
// +kubebuilder:validation:XValidation:rule="(has(self.group) && self.group != 'cert-manager.io') || !has(self.kind) || self.kind in ['Issuer', 'ClusterIssuer']",message="want kind Issuer or ClusterIssuer, or the group of an issuer that is not cert-manager's own"
type IssuerRef struct {
	// name is the name of the issuer. An Issuer is looked for in the namespace of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want the name of an issuer: lower-case letters, digits, hyphens and dots"
	Name string `json:"name,omitempty"`

	// kind is the kind of the issuer: Issuer, ClusterIssuer, or that of another group. Default: Issuer.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Za-z0-9]*$')",message="want a kind, such as Issuer or ClusterIssuer"
	Kind string `json:"kind,omitempty"`

	// group is the API group of the issuer. Default: cert-manager.io.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="want an API group, such as cert-manager.io"
	Group string `json:"group,omitempty"`
}
