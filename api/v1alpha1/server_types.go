package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SecuredMCPServer is an MCP server whose every request needs an OAuth 2.1 access
// token of one issuer, for one audience, with the scopes that each tool asks for.
//
// +genclient
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=smcp,categories=securedmcp
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Enforced",type=string,JSONPath=`.status.enforced`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuer`,priority=1
// +kubebuilder:printcolumn:name="Tools",type=integer,JSONPath=`.status.tools`,priority=1
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name: want 1 to 52 lower-case letters, digits or hyphens, starting with a letter and ending with a letter or digit: the Service and the pods carry this name"
type SecuredMCPServer struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata. The name, 1 to 52 characters of a DNS label, is also the name
	// of the ServiceAccount, ConfigMap, Deployment, Service, Ingress and HTTPRoute that are created.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the server that is wanted.
	// +required
	Spec SecuredMCPServerSpec `json:"spec,omitzero"`

	// status is the server that there is, as the operator last saw it.
	// +optional
	Status SecuredMCPServerStatus `json:"status,omitzero"`
}

// SecuredMCPServerList is a list of SecuredMCPServer.
//
// +kubebuilder:object:root=true
type SecuredMCPServerList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`
	// items are the objects.
	Items []SecuredMCPServer `json:"items"`
}

// Lists that refer to one another are checked here. [names].all(names, ...) computes the list of names once, which keeps the cost within
// what the API server allows.
//
// +kubebuilder:validation:XValidation:fieldPath=".requiredScopes",rule="!has(self.requiredScopes) || sets.contains(has(self.scopes) ? self.scopes.map(s, s.name) : [], self.requiredScopes)",message="want names of declared scopes only",messageExpression="[has(self.scopes) ? self.scopes.map(s, s.name) : []].map(names, 'not declared in spec.scopes: %s; declared: %s'.format([self.requiredScopes.filter(n, !(n in names)), names]))[0]"
// +kubebuilder:validation:XValidation:fieldPath=".scopes",rule="!has(self.scopes) || [self.scopes.map(s, s.name)].all(names, self.scopes.all(s, !has(s.implies) || sets.contains(names, s.implies)))",message="want implies to hold names of declared scopes only",messageExpression="[has(self.scopes) ? self.scopes.map(s, s.name) : []].map(names, 'implies names scopes that are not declared in spec.scopes: %s; declared: %s'.format([self.scopes.map(x, has(x.implies) && !sets.contains(names, x.implies) ? '%s implies %s'.format([x.name, x.implies.filter(n, !(n in names))[0]]) : '').filter(x, x != ''), names]))[0]"
// +kubebuilder:validation:XValidation:fieldPath=".tools",rule="!has(self.tools) || [has(self.scopes) ? self.scopes.map(s, s.name) : []].all(names, self.tools.all(t, !has(t.scopes) || sets.contains(names, t.scopes)))",message="want scopes of tools to be names of declared scopes only",messageExpression="[has(self.scopes) ? self.scopes.map(s, s.name) : []].map(names, 'scopes that are not declared in spec.scopes: %s; declared: %s'.format([self.tools.filter(t, has(t.scopes) && !sets.contains(names, t.scopes)).map(t, '%s needs %s'.format([t.name, t.scopes.filter(n, !(n in names))[0]])), names]))[0]"
// +kubebuilder:validation:XValidation:fieldPath=".tools",rule="!has(self.tools) || [has(self.upstreams) ? self.upstreams.map(u, u.name) : []].all(names, self.tools.all(t, t.upstream == 'builtin' || t.upstream in names))",message="want upstream of tools to be the name of a declared upstream, or builtin",messageExpression="[has(self.upstreams) ? self.upstreams.map(u, u.name) : []].map(names, 'upstreams that are not declared in spec.upstreams: %s; declared: %s'.format([self.tools.filter(t, t.upstream != 'builtin' && !(t.upstream in names)).map(t, '%s calls %s'.format([t.name, t.upstream])), names]))[0]"
// +kubebuilder:validation:XValidation:fieldPath=".resource",rule="!has(self.exposure) || !(has(self.exposure.ingress) || has(self.exposure.gateway)) || !self.resource.matches('^[Hh][Tt][Tt][Pp]://(localhost|127[.][0-9.]+|[[]::1[]])(:[0-9]+)?(/|$)')",message="want https while exposure.ingress or exposure.gateway is set: clients come by TLS"
// +kubebuilder:validation:XValidation:fieldPath=".resource",rule="!has(self.exposure) || !(has(self.exposure.ingress) || has(self.exposure.gateway)) || !self.resource.matches('^[Hh][Tt][Tt][Pp][Ss]://[^/@?#]+(/|$)') || (self.resource.matches('^[^/]*//[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]*)?(/|$)') && !self.resource.matches('^[^/]*//[0-9.]+(:|/|$)'))",message="want a DNS host name while exposure.ingress or exposure.gateway is set, for example https://mcp.example.com/billing: neither has rules for IP addresses"
// +kubebuilder:validation:XValidation:fieldPath=".tokens.dpopNonce",rule="!has(self.tokens) || !has(self.tokens.dpopNonce) || self.tokens.dpopNonce != 'Required' || (has(self.rateLimit) && has(self.rateLimit.redis))",message="want rateLimit.redis beside dpopNonce: Required: a nonce of one replica comes back to another"
// +kubebuilder:validation:XValidation:fieldPath=".resource",rule="!has(self.exposure) || !has(self.exposure.tls) || !self.resource.matches('^[Hh][Tt][Tt][Pp]://(localhost|127[.][0-9.]+|[[]::1[]])(:[0-9]+)?(/|$)')",message="want https while exposure.tls is set: nothing else is spoken then"

// SecuredMCPServerSpec says what is served, to whom, and how it runs.
type SecuredMCPServerSpec struct {
	// title is the human-readable name of the server: resource_name in the protected resource metadata (RFC 9728)
	// and title in the MCP server information. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Title string `json:"title,omitempty"`

	// resource is the canonical URI of the server (RFC 8707, RFC 9728): the address that clients are given. Its host is
	// the only Host that is served and its path is the MCP endpoint. https (http for loopback hosts only), no user information,
	// query, fragment or trailing slash; the path consists of unescaped characters, without empty or dot segments, and is not
	// below /.well-known, where a host answers for all that share it (RFC 8615).
	// One resource belongs to one object of the cluster: the older one. With exposure.ingress or exposure.gateway so do its host and path, whatever the port.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != ''",message="want an absolute URI, for example https://mcp.example.com/billing"
	// +kubebuilder:validation:XValidation:rule="!isURL(self) || url(self).getHostname() == '' || url(self).getScheme() == 'https' || self.matches('^[Hh][Tt][Tt][Pp]://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+|[[]::1[]])(:[0-9]+)?(/|$)')",message="want https (http is allowed for loopback hosts only)"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.matches('^[^/]*//[^/]*@')",message="want no user information, query or fragment"
	// +kubebuilder:validation:XValidation:rule="!self.endsWith('/')",message="want no trailing slash"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^[^/]*//[^/]') || self.endsWith('/') || self.contains('?') || self.contains('#') || (self.matches("^[^/]*//[^/]+(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*$") && !self.matches('/[.][.]?(/|$)'))`,message="want a path of unescaped characters without empty or dot segments"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/]*[^!-~]')",message="want no space or control character, and nothing beyond ASCII: a URI has none (RFC 3986)"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/]*:(/|$)')",message="no port follows the colon; want one, or no colon"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*//[^/]+/[.]well-known(/|$)')",message="want a path outside of /.well-known, where a host answers for all that share it (RFC 8615)"
	Resource string `json:"resource,omitempty"`

	// issuer is the authorization server whose access tokens are accepted. It is compared with a token's iss byte for byte, so
	// it must be written exactly as the authorization server writes it, trailing slash included. Its metadata and keys are
	// discovered from here (RFC 8414, OpenID Connect Discovery). https (http for loopback hosts only), no user information, query or fragment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != ''",message="want an absolute URI, for example https://auth.example.com"
	// +kubebuilder:validation:XValidation:rule="!isURL(self) || url(self).getHostname() == '' || url(self).getScheme() == 'https' || self.matches('^[Hh][Tt][Tt][Pp]://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+|[[]::1[]])(:[0-9]+)?(/|$)')",message="want https (http is allowed for loopback hosts only)"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.matches('^[^/]*//[^/]*@')",message="want no user information, query or fragment"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!-~]*$')",message="want no space or control character, and nothing beyond ASCII: a URI has none (RFC 3986)"
	Issuer string `json:"issuer,omitempty"`

	// audience must be among the aud of every access token. It is always enforced. Default: resource, which is what clients
	// ask for with RFC 8707; set it for issuers that name audiences otherwise.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Audience string `json:"audience,omitempty"`

	// scopes are the OAuth scopes that this server knows; they are advertised in its metadata (scopes_supported). Other fields refer
	// to them by name. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Scopes []Scope `json:"scopes,omitempty"`

	// requiredScopes are needed by every request, listing the tools included. Each is the name of a declared scope. A scope that implies a
	// required one is enough. Default: none, a valid token is enough to list the tools and to call those without scopes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	RequiredScopes []string `json:"requiredScopes,omitempty"`

	// tokens says how access tokens are verified. Default: keys discovered from the issuer, whose certificate the system's roots vouch for.
	// +optional
	Tokens Tokens `json:"tokens,omitzero"`

	// authentication is what the token of every request has to say about the user's login (RFC 9470); tools can ask for more. Default: nothing.
	// +optional
	Authentication Authentication `json:"authentication,omitzero"`

	// revocation refuses access tokens before they expire: the lever for an incident. Default: none.
	// +optional
	Revocation Revocation `json:"revocation,omitzero"`

	// allowedOrigins are the origins (RFC 6454) that web pages may call from, beside that of resource, as browsers send them in Origin: scheme,
	// host and port, in lower case, without a default port. A request with any other Origin is answered 403. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|[[][0-9a-f:.]+[]])(:[0-9]{1,5})?$') && !self.matches('^(https://.*:443|http://.*:80)$')",message="want an origin as browsers send it, for example https://app.example.com: lower case, no path, no wildcard, no default port"
	AllowedOrigins []string `json:"allowedOrigins,omitempty"`

	// rateLimit bounds how often one caller, a subject by way of a client, may ask. Default: as often as it likes.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`

	// limits bound what requests may cost. Default: as its fields say.
	// +optional
	Limits Limits `json:"limits,omitzero"`

	// upstreams are the services that tools are made of. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Upstreams []Upstream `json:"upstreams,omitempty"`

	// tools are all that can be called. What is not declared here is not callable. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Tools []Tool `json:"tools,omitempty"`

	// telemetry says what the server tells of itself beside its log and its metrics. Default: nothing.
	// +optional
	Telemetry Telemetry `json:"telemetry,omitzero"`

	// monitoring asks for a ServiceMonitor and a PrometheusRule of the Prometheus Operator; {} is enough. Taking it away removes them. Default: none.
	// +optional
	Monitoring *Monitoring `json:"monitoring,omitempty"`

	// exposure says how clients reach the server from outside of the cluster. Default: not at all, there is a ClusterIP Service only.
	// +optional
	Exposure Exposure `json:"exposure,omitzero"`

	// workload says how the server runs. Default: two replicas of the operator's own runtime image.
	// +optional
	Workload Workload `json:"workload,omitzero"`
}

// SecuredMCPServerStatus is what the operator last saw.
type SecuredMCPServerStatus struct {
	// conditions are Accepted, IssuerDiscovered, Available, Exposed, Enforced and Ready. Ready is True when all of the others but IssuerDiscovered are,
	// and otherwise carries the reason and message of the first that is not. IssuerDiscovered says whether the issuer answers the operator as pods
	// and clients need it to; nothing else goes by it. Exposed says that the Ingress has an address, or that the
	// Gateways accept the HTTPRoute; whether the certificate of a secretName exists is not checked. Enforced
	// says that every ready pod, asked by the operator, enforces revision. Monitored is there while spec.monitoring is, and not part of Ready; Stalled is
	// there, and True, while the spec is not accepted and waiting does not help. All reasons are in docs/reference/conditions.md.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// url is the MCP endpoint that clients are given: spec.resource of the spec that is served.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	URL string `json:"url,omitempty"`

	// resourceMetadataURL is where the protected resource metadata (RFC 9728) is.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=600
	ResourceMetadataURL string `json:"resourceMetadataURL,omitempty"`

	// revision identifies the configuration that is served: a digest of what the spec renders to, 16 hexadecimal digits. An edit that is
	// not accepted does not change it, since the last accepted configuration keeps serving.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Revision string `json:"revision,omitempty"`

	// tools is how many tools are served. An edit that is not accepted does not change it either.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=256
	Tools *int32 `json:"tools,omitempty"`

	// replicas counts the pods.
	// +optional
	Replicas *ReplicaCounts `json:"replicas,omitempty"`

	// enforced is how many of the ready pods enforce revision, for people: "2/2" is enforcing of ready.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=32
	Enforced string `json:"enforced,omitempty"`
}

// ReplicaCounts counts the pods of a server.
type ReplicaCounts struct {
	// desired is how many the Deployment is asked for.
	// +required
	// +kubebuilder:validation:Minimum=0
	Desired int32 `json:"desired"` //nolint:kubeapilinter // only the operator writes it, and 0 is a count

	// ready is how many take requests: those that are ready, and those that were and have not ended yet, because they are being deleted or their node has fallen silent. Those of an older ReplicaSet count too.
	// +required
	// +kubebuilder:validation:Minimum=0
	Ready int32 `json:"ready"` //nolint:kubeapilinter // only the operator writes it, and 0 is a count

	// enforcing is how many of those say that they enforce revision. One that cannot be asked does not.
	// +required
	// +kubebuilder:validation:Minimum=0
	Enforcing int32 `json:"enforcing"` //nolint:kubeapilinter // only the operator writes it, and 0 is a count
}
