package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// Tool is one MCP tool and who may call it.
//
// +kubebuilder:validation:XValidation:rule="self.upstream == 'builtin' ? !has(self.http) : has(self.http)",message="want exactly one backend: http, or upstream builtin without http"
type Tool struct {
	// name is what clients call: letters, digits, underscores, dots and hyphens.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_.-]+$')",message="want letters, digits, underscores, dots and hyphens"
	Name string `json:"name,omitempty"`

	// title is what people are shown. Default: none, clients show the name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Title string `json:"title,omitempty"`

	// description tells the model what the tool does and when to use it. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Description string `json:"description,omitempty"`

	// annotations are hints to clients about the tool's behavior. They decide nothing: scopes do. Default: none.
	// +optional
	Annotations *ToolAnnotations `json:"annotations,omitempty"`

	// scopes are all needed to call the tool, beside spec.requiredScopes. Each is the name of a declared scope. A caller who lacks one gets
	// 403 with the scopes to ask for. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Scopes []string `json:"scopes,omitempty"`

	// authentication is what the token of a call has to say about the user's login, beside what spec.authentication asks for: contexts that both
	// accept, and the shorter age. Default: nothing.
	// +optional
	Authentication Authentication `json:"authentication,omitzero"`

	// inputSchema is the JSON Schema (2020-12) of the arguments, with root type object. It is kept as is, shown to clients, and every call
	// is checked against it. An argument that is a string, integer or boolean and has x-mcp-header is repeated by clients in the header
	// Mcp-Param- and that name, and a call whose header says something else is refused. It may be nested 128 deep, and
	// as many schemas may judge one value one by the other; its regular expressions may come to 20000 instructions, and
	// the names on the ways to its schemas to 16 MiB; beyond, it is InvalidSpec. One field manager owns it whole.
	// +required
	// +structType=atomic
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	InputSchema runtime.RawExtension `json:"inputSchema,omitzero"`

	// upstream is the name of the declared upstream that answers, or builtin for a Go function of the runtime image.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Upstream string `json:"upstream,omitempty"`

	// http is how a call becomes a request to an HTTP upstream. Not for upstream builtin.
	// +optional
	HTTP *HTTPTool `json:"http,omitempty"`
}

// ToolAnnotations are the MCP hints about a tool's behavior.
type ToolAnnotations struct {
	// readOnlyHint says that the tool changes nothing. Default: not said; clients assume false.
	// +optional
	ReadOnlyHint *bool `json:"readOnlyHint,omitempty"`
	// destructiveHint says that the tool may destroy something. Default: not said; clients assume true.
	// +optional
	DestructiveHint *bool `json:"destructiveHint,omitempty"`
	// idempotentHint says that calling again with the same arguments changes nothing more. Default: not said; clients assume false.
	// +optional
	IdempotentHint *bool `json:"idempotentHint,omitempty"`
	// openWorldHint says that the tool reaches beyond a closed set of things, as a web search does. Default: not said; clients assume true.
	// +optional
	OpenWorldHint *bool `json:"openWorldHint,omitempty"`
}

// HTTPMethod is a method of an HTTP request.
//
// +kubebuilder:validation:Enum=GET;POST;PUT;PATCH;DELETE
type HTTPMethod string

// The methods that tools can use.
const (
	HTTPMethodGet    HTTPMethod = "GET"
	HTTPMethodPost   HTTPMethod = "POST"
	HTTPMethodPut    HTTPMethod = "PUT"
	HTTPMethodPatch  HTTPMethod = "PATCH"
	HTTPMethodDelete HTTPMethod = "DELETE"
)

// HTTPTool maps a tool call to one HTTP request.
type HTTPTool struct {
	// method is GET, POST, PUT, PATCH or DELETE.
	// +required
	Method HTTPMethod `json:"method,omitempty"`

	// path is a URI Template (RFC 6570) of {name} and, at its end, {?name,name}, for example /invoices/{invoiceId}, appended to the upstream's
	// URL. Arguments are percent-encoded. Those that it does not name go to the query (GET, DELETE) or to a JSON body (POST, PUT, PATCH).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/')",message="want a path that starts with a slash, for example /invoices/{invoiceId}"
	Path string `json:"path,omitempty"`
}
