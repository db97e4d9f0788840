package servertest

import (
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Refusal is a server with a mistake.
type Refusal struct {
	Object *unstructured.Unstructured
	// Want is what the API server says of it, less the name of the object and
	// the remark that it left rules unchecked.
	Want string
}

// Refused returns a server for every rule of the API, which it breaks, by a
// sentence about the mistake.
func Refused() map[string]Refusal {
	out := map[string]Refusal{}
	for name, mistake := range mistakes() {
		o := everything()
		mistake.spoil(o)
		out[name] = Refusal{o.Unstructured, mistake.want}
	}
	return out
}

// spoiled is a mistake to be made in a server with one of everything, and the
// words in which the API server refuses it.
type spoiled struct {
	spoil func(o object)
	want  string
}

// mistakes are those of this file and of the tables that it names.
func mistakes() map[string]spoiled {
	tests := map[string]spoiled{
		"the name is too long for the Service and the pods": {
			func(o object) { o.set(strings.Repeat("a", 53), "metadata", "name") },
			"<nil>: Invalid value: metadata.name: want 1 to 52 lower-case letters, digits or hyphens, starting with a letter and ending with a letter or digit: the Service and the pods carry this name",
		},
		"the name has a dot": {
			func(o object) { o.set("a.b", "metadata", "name") },
			"<nil>: Invalid value: metadata.name: want 1 to 52 lower-case letters, digits or hyphens, starting with a letter and ending with a letter or digit: the Service and the pods carry this name",
		},
		"the resource is relative": {
			func(o object) { o.resource("/billing") },
			`spec.resource: Invalid value: "/billing": want an absolute URI, for example https://mcp.example.com/billing`,
		},
		"the resource has no host": {
			func(o object) { o.resource("https:///billing") },
			`spec.resource: Invalid value: "https:///billing": want an absolute URI, for example https://mcp.example.com/billing`,
		},
		"the resource is plain http": {
			func(o object) { o.resource("http://mcp.example.com/billing") },
			`spec.resource: Invalid value: "http://mcp.example.com/billing": want https (http is allowed for loopback hosts only)`,
		},
		"the resource only looks like a loopback": {
			func(o object) { o.resource("http://127.0.0.1.example.com/x") },
			`spec.resource: Invalid value: "http://127.0.0.1.example.com/x": want https (http is allowed for loopback hosts only)`,
		},
		"the resource has a query": {
			func(o object) { o.resource("https://mcp.example.com/billing?x=1") },
			`spec.resource: Invalid value: "https://mcp.example.com/billing?x=1": want no user information, query or fragment`,
		},
		"the resource has an empty query": {
			func(o object) { o.resource("https://mcp.example.com/billing?") },
			`spec.resource: Invalid value: "https://mcp.example.com/billing?": want no user information, query or fragment`,
		},
		"the resource has a fragment": {
			func(o object) { o.resource("https://mcp.example.com/billing#x") },
			`spec.resource: Invalid value: "https://mcp.example.com/billing#x": want no user information, query or fragment`,
		},
		"the resource has user information": {
			func(o object) { o.resource("https://me@mcp.example.com/billing") },
			`spec.resource: Invalid value: "https://me@mcp.example.com/billing": want no user information, query or fragment`,
		},
		"the resource ends with a slash": {
			func(o object) { o.resource("https://mcp.example.com/billing/") },
			`spec.resource: Invalid value: "https://mcp.example.com/billing/": want no trailing slash`,
		},
		"the resource is a host and a slash": {
			func(o object) { o.resource("https://mcp.example.com/") },
			`spec.resource: Invalid value: "https://mcp.example.com/": want no trailing slash`,
		},
		"the resource is a well-known place": {
			func(o object) { o.resource("https://mcp.example.com/.well-known/openid-configuration") },
			`spec.resource: Invalid value: "https://mcp.example.com/.well-known/openid-configuration": want a path outside of /.well-known, where a host answers for all that share it (RFC 8615)`,
		},
		"the resource is all well-known places": {
			func(o object) { o.resource("https://mcp.example.com/.well-known") },
			`spec.resource: Invalid value: "https://mcp.example.com/.well-known": want a path outside of /.well-known, where a host answers for all that share it (RFC 8615)`,
		},
		"the resource has an escaped character": {
			func(o object) { o.resource("https://mcp.example.com/a%2Fb") },
			`spec.resource: Invalid value: "https://mcp.example.com/a%2Fb": want a path of unescaped characters without empty or dot segments`,
		},
		"the resource has an empty segment": {
			func(o object) { o.resource("https://mcp.example.com/a//b") },
			`spec.resource: Invalid value: "https://mcp.example.com/a//b": want a path of unescaped characters without empty or dot segments`,
		},
		"the resource has a dot segment": {
			func(o object) { o.resource("https://mcp.example.com/a/./b") },
			`spec.resource: Invalid value: "https://mcp.example.com/a/./b": want a path of unescaped characters without empty or dot segments`,
		},
		"the resource ends with two dots": {
			func(o object) { o.resource("https://mcp.example.com/a/..") },
			`spec.resource: Invalid value: "https://mcp.example.com/a/..": want a path of unescaped characters without empty or dot segments`,
		},
		"the resource has a template": {
			func(o object) { o.resource("https://mcp.example.com/{a}") },
			`spec.resource: Invalid value: "https://mcp.example.com/{a}": want a path of unescaped characters without empty or dot segments`,
		},
		"the resource is an IP address and an Ingress is asked for": {
			func(o object) { o.resource("https://192.0.2.1/billing") },
			"spec.resource: Invalid value: want a DNS host name while exposure.ingress or exposure.gateway is set, for example https://mcp.example.com/billing: neither has rules for IP addresses",
		},
		"the resource is loopback http and an Ingress is asked for": {
			func(o object) { o.resource("http://localhost:8080/billing"); o.remove("spec", "exposure", "tls") },
			"spec.resource: Invalid value: want https while exposure.ingress or exposure.gateway is set: clients come by TLS",
		},
		"the resource has a host beyond ASCII": {
			func(o object) { o.remove("spec", "exposure"); o.resource("https://mcp.ex\u00e4mple.com/billing") },
			`spec.resource: Invalid value: "https://mcp.exämple.com/billing": want no space or control character, and nothing beyond ASCII: a URI has none (RFC 3986)`,
		},
		"the resource has a colon without a port": {
			func(o object) { o.resource("https://mcp.example.com:/billing") },
			`spec.resource: Invalid value: "https://mcp.example.com:/billing": no port follows the colon; want one, or no colon`,
		},
		"the resource is missing": {
			func(o object) { o.remove("spec", "resource") },
			"spec.resource: Required value",
		},
		"the issuer is relative": {
			func(o object) { o.set("auth.example.com", "spec", "issuer") },
			`spec.issuer: Invalid value: "auth.example.com": want an absolute URI, for example https://auth.example.com`,
		},
		"the issuer is plain http": {
			func(o object) { o.set("http://auth.example.com", "spec", "issuer") },
			`spec.issuer: Invalid value: "http://auth.example.com": want https (http is allowed for loopback hosts only)`,
		},
		"the issuer has a query": {
			func(o object) { o.set("https://auth.example.com?a=b", "spec", "issuer") },
			`spec.issuer: Invalid value: "https://auth.example.com?a=b": want no user information, query or fragment`,
		},
		"the issuer has a space": {
			func(o object) { o.set("https://auth.example.com/a b", "spec", "issuer") },
			`spec.issuer: Invalid value: "https://auth.example.com/a b": want no space or control character, and nothing beyond ASCII: a URI has none (RFC 3986)`,
		},
		"the issuer is missing": {
			func(o object) { o.remove("spec", "issuer") },
			"spec.issuer: Required value",
		},
		"a scope has a space": {
			func(o object) {
				o.set("in voices", "spec", "scopes", 0, "name")
				o.set([]any{"in voices"}, "spec", "requiredScopes")
			},
			`[spec.scopes: Invalid value: implies names scopes that are not declared in spec.scopes: ["invoices:write implies invoices:read"]; declared: ["in voices", "invoices:write"], spec.tools: Invalid value: scopes that are not declared in spec.scopes: ["lookup_invoice needs invoices:read"]; declared: ["in voices", "invoices:write"], spec.scopes[0].name: Invalid value: "in voices": want printable ASCII characters without space, quote or backslash (RFC 6749 section 3.3)]`,
		},
		"a scope has a quote": {
			func(o object) { o.add(map[string]any{"name": `a"b`}, "spec", "scopes") },
			`spec.scopes[2].name: Invalid value: "a\"b": want printable ASCII characters without space, quote or backslash (RFC 6749 section 3.3)`,
		},
		"a scope is offline_access": {
			func(o object) { o.add(map[string]any{"name": "offline_access"}, "spec", "scopes") },
			`spec.scopes[2].name: Invalid value: "offline_access": offline_access is between client and authorization server; a resource server neither needs nor advertises it`,
		},
		"a scope is declared twice": {
			func(o object) { o.add(map[string]any{"name": "invoices:read"}, "spec", "scopes") },
			`spec.scopes[2]: Duplicate value: {"name":"invoices:read"}`,
		},
		"a required scope is not declared": {
			func(o object) { o.set([]any{"invoices:read", "nope", "nor:this"}, "spec", "requiredScopes") },
			`spec.requiredScopes: Invalid value: not declared in spec.scopes: ["nope", "nor:this"]; declared: ["invoices:read", "invoices:write"]`,
		},
		"a scope is required and none is declared": {
			func(o object) {
				o.remove("spec", "scopes")
				o.remove("spec", "tools")
			},
			`spec.requiredScopes: Invalid value: not declared in spec.scopes: ["invoices:read"]; declared: []`,
		},
		"an implied scope is not declared": {
			func(o object) { o.set([]any{"invoices:read", "nope"}, "spec", "scopes", 1, "implies") },
			`spec.scopes: Invalid value: implies names scopes that are not declared in spec.scopes: ["invoices:write implies nope"]; declared: ["invoices:read", "invoices:write"]`,
		},
		"a tool needs a scope that is not declared": {
			func(o object) { o.set([]any{"nope"}, "spec", "tools", 0, "scopes") },
			`spec.tools: Invalid value: scopes that are not declared in spec.scopes: ["lookup_invoice needs nope"]; declared: ["invoices:read", "invoices:write"]`,
		},
		"a tool needs a scope and none is declared": {
			func(o object) { o.remove("spec", "scopes"); o.remove("spec", "requiredScopes") },
			`spec.tools: Invalid value: scopes that are not declared in spec.scopes: ["lookup_invoice needs invoices:read"]; declared: []`,
		},
		"a tool calls an upstream that is not declared": {
			func(o object) { o.set("nope", "spec", "tools", 0, "upstream") },
			`spec.tools: Invalid value: upstreams that are not declared in spec.upstreams: ["lookup_invoice calls nope"]; declared: ["billing-api"]`,
		},
		"a tool calls an upstream and none is declared": {
			func(o object) { o.remove("spec", "upstreams") },
			`spec.tools: Invalid value: upstreams that are not declared in spec.upstreams: ["lookup_invoice calls billing-api"]; declared: []`,
		},
		"a tool has no backend": {
			func(o object) { o.remove("spec", "tools", 0, "http") },
			"spec.tools[0]: Invalid value: want exactly one backend: http, or upstream builtin without http",
		},
		"a builtin tool has http": {
			func(o object) { o.set(map[string]any{"method": "GET", "path": "/"}, "spec", "tools", 1, "http") },
			"spec.tools[1]: Invalid value: want exactly one backend: http, or upstream builtin without http",
		},
		"a tool is declared twice": {
			func(o object) { o.set("echo", "spec", "tools", 0, "name") },
			`spec.tools[1]: Duplicate value: {"name":"echo"}`,
		},
		"a tool name has a space": {
			func(o object) { o.set("look up", "spec", "tools", 0, "name") },
			`spec.tools[0].name: Invalid value: "look up": want letters, digits, underscores, dots and hyphens`,
		},
		"a tool path is relative": {
			func(o object) { o.set("invoices", "spec", "tools", 0, "http", "path") },
			`spec.tools[0].http.path: Invalid value: "invoices": want a path that starts with a slash, for example /invoices/{invoiceId}`,
		},
		"a tool method is unknown": {
			func(o object) { o.set("TRACE", "spec", "tools", 0, "http", "method") },
			`spec.tools[0].http.method: Unsupported value: "TRACE": supported values: "GET", "POST", "PUT", "PATCH", "DELETE"`,
		},
		"a tool has no input schema": {
			func(o object) { o.remove("spec", "tools", 0, "inputSchema") },
			"spec.tools[0].inputSchema: Required value",
		},
		"an input schema is not an object": {
			func(o object) { o.set("x", "spec", "tools", 0, "inputSchema") },
			`spec.tools[0].inputSchema: Invalid value: "string": spec.tools[0].inputSchema in body must be of type object: "string"`,
		},
		"an upstream is called builtin": {
			func(o object) { o.set("builtin", "spec", "upstreams", 0, "name") },
			`[spec.tools: Invalid value: upstreams that are not declared in spec.upstreams: ["lookup_invoice calls billing-api"]; declared: ["builtin"], spec.upstreams[0].name: Invalid value: "builtin": builtin is reserved for tools of the runtime image; want another name]`,
		},
		"an upstream name has an upper-case letter": {
			func(o object) {
				o.add(map[string]any{"name": "A", "http": map[string]any{"url": "http://a"}}, "spec", "upstreams")
			},
			`spec.upstreams[1].name: Invalid value: "A": want lower-case letters, digits and hyphens, starting and ending with a letter or digit`,
		},
		"an upstream is declared twice": {
			func(o object) {
				o.add(map[string]any{"name": "billing-api", "http": map[string]any{"url": "http://a"}}, "spec", "upstreams")
			},
			`spec.upstreams[1]: Duplicate value: {"name":"billing-api"}`,
		},
		"an upstream is nothing": {
			func(o object) { o.remove("spec", "upstreams", 0, "http") },
			"spec.upstreams[0]: Invalid value: want exactly one of: http",
		},
		"an upstream URL is not http": {
			func(o object) { o.set("ftp://a", "spec", "upstreams", 0, "http", "url") },
			`spec.upstreams[0].http.url: Invalid value: "ftp://a": want an absolute http or https URL, for example http://billing-api.billing.svc:8080`,
		},
		"an upstream URL has a query": {
			func(o object) { o.set("http://a?b", "spec", "upstreams", 0, "http", "url") },
			`spec.upstreams[0].http.url: Invalid value: "http://a?b": want no user information, query or fragment`,
		},
		"an upstream URL has a space": {
			func(o object) { o.set("http://a/b c", "spec", "upstreams", 0, "http", "url") },
			`spec.upstreams[0].http.url: Invalid value: "http://a/b c": want no space or control character, and nothing beyond ASCII: a URL has none (RFC 3986)`,
		},
		"an upstream waits for ever": {
			func(o object) { o.set(int64(301), "spec", "upstreams", 0, "timeoutSeconds") },
			"spec.upstreams[0].timeoutSeconds: Invalid value: 301: spec.upstreams[0].timeoutSeconds in body should be less than or equal to 300",
		},
		"a CA bundle is in no ConfigMap": {
			func(o object) { o.remove("spec", "tokens", "caBundleRef", "name") },
			"spec.tokens.caBundleRef.name: Required value",
		},
		"a CA bundle's ConfigMap name is a path": {
			func(o object) { o.set("../x", "spec", "tokens", "caBundleRef", "name") },
			`spec.tokens.caBundleRef.name: Invalid value: "../x": want the name of a ConfigMap: lower-case letters, digits, hyphens and dots`,
		},
		"a CA bundle's key is a path": {
			func(o object) { o.set("../x", "spec", "tokens", "caBundleRef", "key") },
			`spec.tokens.caBundleRef.key: Invalid value: "../x": want the key of a ConfigMap: letters, digits, hyphens, underscores and dots`,
		},
		"the list of who may connect is empty": {
			func(o object) { o.set([]any{}, "spec", "exposure", "from") },
			"spec.exposure.from: Invalid value: 0: spec.exposure.from in body should have at least 1 items",
		},
		"an Ingress has no TLS": {
			func(o object) { o.remove("spec", "exposure", "ingress", "tls") },
			"spec.exposure.ingress.tls: Required value",
		},
		"an Ingress has no TLS Secret": {
			func(o object) { o.set(map[string]any{}, "spec", "exposure", "ingress", "tls") },
			"spec.exposure.ingress.tls: Invalid value: want exactly one of secretName, the Secret that holds the certificate, and issuerRef, the cert-manager issuer to ask for one",
		},
		"the certificate of the Ingress has two sources": {
			func(o object) {
				o.set(map[string]any{"name": "company"}, "spec", "exposure", "ingress", "tls", "issuerRef")
			},
			"spec.exposure.ingress.tls: Invalid value: want exactly one of secretName, the Secret that holds the certificate, and issuerRef, the cert-manager issuer to ask for one",
		},
		"the certificate's issuer has no name": {
			func(o object) { o.issuerRef(map[string]any{"kind": "Issuer"}) },
			"spec.exposure.ingress.tls.issuerRef.name: Required value",
		},
		"the certificate's issuer has a name that is none": {
			func(o object) { o.issuerRef(map[string]any{"name": "a/b"}) },
			`spec.exposure.ingress.tls.issuerRef.name: Invalid value: "a/b": want the name of an issuer: lower-case letters, digits, hyphens and dots`,
		},
		"the certificate's issuer is of a kind that cert-manager has not": {
			func(o object) { o.issuerRef(map[string]any{"name": "company", "kind": "Secret"}) },
			"spec.exposure.ingress.tls.issuerRef: Invalid value: want kind Issuer or ClusterIssuer, or the group of an issuer that is not cert-manager's own",
		},
		"the certificate's issuer is of a kind that is none": {
			func(o object) { o.issuerRef(map[string]any{"name": "company", "group": "example.com", "kind": "a/b"}) },
			`spec.exposure.ingress.tls.issuerRef.kind: Invalid value: "a/b": want a kind, such as Issuer or ClusterIssuer`,
		},
		"the certificate's issuer is of a group that is none": {
			func(o object) { o.issuerRef(map[string]any{"name": "company", "group": "A"}) },
			`spec.exposure.ingress.tls.issuerRef.group: Invalid value: "A": want an API group, such as cert-manager.io`,
		},
		"a TLS Secret's name is impossible": {
			func(o object) { o.set("a/b", "spec", "exposure", "ingress", "tls", "secretName") },
			`spec.exposure.ingress.tls.secretName: Invalid value: "a/b": want the name of a Secret: lower-case letters, digits, hyphens and dots`,
		},
		"an Ingress class name is impossible": {
			func(o object) { o.set("a b", "spec", "exposure", "ingress", "className") },
			`spec.exposure.ingress.className: Invalid value: "a b": want the name of an IngressClass: lower-case letters, digits, hyphens and dots`,
		},
		"a peer that selects nothing": {
			func(o object) { o.set([]any{map[string]any{}}, "spec", "exposure", "from") },
			"spec.exposure.from[0]: Invalid value: want namespaceSelector, podSelector or both; {namespaceSelector: {}} is every pod of the cluster",
		},
		"replicas beside autoscaling": {
			func(o object) {
				o.set(map[string]any{"replicas": int64(2), "autoscaling": map[string]any{"maxReplicas": int64(3)}}, "spec", "workload")
			},
			"spec.workload.replicas: Invalid value: want no replicas while autoscaling is set: the HorizontalPodAutoscaler decides their number",
		},
		"autoscaling without a largest number": {
			func(o object) { o.set(map[string]any{"autoscaling": map[string]any{}}, "spec", "workload") },
			"spec.workload.autoscaling.maxReplicas: Required value",
		},
		"autoscaling between 5 and 3": {
			func(o object) {
				o.set(map[string]any{"autoscaling": map[string]any{"minReplicas": int64(5), "maxReplicas": int64(3)}}, "spec", "workload")
			},
			"spec.workload.autoscaling.maxReplicas: Invalid value: want maxReplicas to be minReplicas or more",
		},
		"autoscaling below its default": {
			func(o object) {
				o.set(map[string]any{"autoscaling": map[string]any{"maxReplicas": int64(1)}}, "spec", "workload")
			},
			"spec.workload.autoscaling.maxReplicas: Invalid value: want 2 or more, which is the default of minReplicas, or minReplicas: 1",
		},
		"egress is unknown": {
			func(o object) { o.set("Closed", "spec", "workload", "egress") },
			`spec.workload.egress: Unsupported value: "Closed": supported values: "Open", "Declared"`,
		},
		"a pod label is the operator's": {
			func(o object) { o.set(map[string]any{"app.kubernetes.io/name": "x"}, "spec", "workload", "podLabels") },
			"spec.workload.podLabels: Invalid value: want no labels below app.kubernetes.io/ or securedmcp.dev/: the operator sets those",
		},
		"a pod annotation is the operator's": {
			func(o object) {
				o.set(map[string]any{"securedmcp.dev/config-revision": "x"}, "spec", "workload", "podAnnotations")
			},
			"spec.workload.podAnnotations: Invalid value: want no annotations below securedmcp.dev/: the operator sets those",
		},
		"a priority class is impossible": {
			func(o object) { o.set(map[string]any{"priorityClassName": "A b"}, "spec", "workload", "scheduling") },
			`spec.workload.scheduling.priorityClassName: Invalid value: "A b": want the name of a PriorityClass: lower-case letters, digits, hyphens and dots`,
		},
		"replicas are negative": {
			func(o object) { o.set(int64(-1), "spec", "workload", "replicas") },
			"spec.workload.replicas: Invalid value: -1: spec.workload.replicas in body should be greater than or equal to 0",
		},
		"an image has white space": {
			func(o object) { o.set("a b", "spec", "workload", "image") },
			`spec.workload.image: Invalid value: "a b": want an image reference without white space, for example ghcr.io/securedmcp/runtime:1.0.0`,
		},
		"a pull policy is unknown": {
			func(o object) { o.set("Sometimes", "spec", "workload", "imagePullPolicy") },
			`spec.workload.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`,
		},
		"a quantity is none": {
			func(o object) { o.set("much", "spec", "workload", "resources", "limits", "memory") },
			`spec.workload.resources.limits.memory: Invalid value: "much": spec.workload.resources.limits.memory in body should match '^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$'`,
		},
	}
	maps.Copy(tests, spoiledTokens)
	maps.Copy(tests, spoiledDoors)
	maps.Copy(tests, spoiledTelemetry)
	maps.Copy(tests, spoiledGateways)
	maps.Copy(tests, spoiledMonitoring)
	return tests
}
