package servertest

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Accepted returns servers that are unusual and right, by a sentence about what
// is unusual.
func Accepted() map[string]*unstructured.Unstructured {
	out := map[string]*unstructured.Unstructured{}
	for name, change := range changes() {
		o := everything()
		change(o)
		out[name] = o.Unstructured
	}
	return out
}

// changes are what makes a server with one of everything another good one.
func changes() map[string]func(o object) {
	return map[string]func(o object){
		"one of everything":                    func(object) {},
		"nothing but resource and issuer":      func(o object) { o.set(bare(), "spec") },
		"empty structs":                        func(o object) { o.set(withEmptyStructs(), "spec") },
		"a loopback resource over http":        func(o object) { o.set(bare(), "spec"); o.resource("http://127.0.0.1:8080/mcp") },
		"an IPv6 loopback resource over http":  func(o object) { o.set(bare(), "spec"); o.resource("http://[::1]:8080") },
		"a resource without a path":            func(o object) { o.resource("https://mcp.example.com") },
		"a resource with a port":               func(o object) { o.resource("https://mcp.example.com:8443/a/b") },
		"a resource with an upper-case host":   func(o object) { o.resource("HTTPS://MCP.example.com/A") },
		"a resource with every path character": func(o object) { o.resource("https://mcp.example.com/a.b/..c/-._~!$&'()*+,;=:@") },
		"a resource that looks well-known":     func(o object) { o.resource("https://mcp.example.com/.well-known-tools") },
		"an issuer with a trailing slash":      func(o object) { o.set("https://tenant.example.com/", "spec", "issuer") },
		"an issuer with a path":                func(o object) { o.set("https://id.example.com/realms/a", "spec", "issuer") },
		"an audience that is no URI":           func(o object) { o.set("billing", "spec", "audience") },
		"a scope of every character": func(o object) {
			o.add(map[string]any{"name": "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~"}, "spec", "scopes")
		},
		"opaque tokens":                  object.opaque,
		"opaque tokens by a private key": object.privateKey,
		"nonces that are disabled without DPoP": func(o object) {
			o.tokens("Disabled", "dpopNonce")
			o.remove("spec", "tokens", "dpop")
			o.remove("spec", "rateLimit")
		},
		"no clock skew":                     func(o object) { o.tokens(int64(0), "clockSkewSeconds") },
		"keys of a loopback host over http": func(o object) { o.tokens("http://[::1]:8080/jwks", "jwksURI") },
		"an origin with a port":             func(o object) { o.set([]any{"http://localhost:6274", "https://[::1]:8443"}, "spec", "allowedOrigins") },
		"a Redis at an IPv6 address":        func(o object) { o.set("[fd00::1]:6379", "spec", "rateLimit", "redis", "address") },
		"a Redis with public certificates":  func(o object) { o.remove("spec", "rateLimit", "redis", "caBundleRef") },
		"a certificate of an issuer":        func(o object) { o.issuerRef(map[string]any{"name": "company"}) },
		"a certificate of another group's issuer": func(o object) {
			o.issuerRef(map[string]any{"name": "company", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"})
		},
		"TLS in the pods and no Ingress":         func(o object) { o.remove("spec", "exposure", "ingress") },
		"a name of 52 characters":                func(o object) { o.set(strings.Repeat("a", 52), "metadata", "name") },
		"no traces of callers that do not trace": func(o object) { o.set("0", "spec", "telemetry", "tracing", "sampleRatio") },
		"all traces, written exactly":            func(o object) { o.set("1.000000", "spec", "telemetry", "tracing", "sampleRatio") },
		"a collector below a path": func(o object) {
			o.set("https://otlp.example.com/tenants/a", "spec", "telemetry", "tracing", "endpoint")
		},
		"no replicas": func(o object) { o.set(int64(0), "spec", "workload", "replicas") },
		"as many entries of lists as there may be": func(o object) { o.set(largest(), "spec") },
	}
}

func bare() map[string]any {
	return map[string]any{"resource": "https://mcp.example.com/billing", "issuer": "https://auth.example.com"}
}

func withEmptyStructs() map[string]any {
	spec := bare()
	for _, field := range []string{"tokens", "authentication", "revocation", "limits", "telemetry", "monitoring", "exposure", "workload"} {
		spec[field] = map[string]any{}
	}
	return spec
}

// largest fills every list to its bound with the references that cost the API
// server the most: all point at the last entry.
func largest() map[string]any {
	spec := bare()
	const last = 127
	scope := func(i int) string { return fmt.Sprintf("%03d%s", i, strings.Repeat("s", 125)) }
	var fewer []any
	for i := range 16 {
		fewer = append(fewer, scope(last-i))
	}
	var scopes, upstreams, tools []any
	for i := range last + 1 {
		scopes = append(scopes, map[string]any{"name": scope(i), "implies": fewer, "grantedBy": strings.Repeat("a", 4096)})
	}
	for i := range 64 {
		upstreams = append(upstreams, map[string]any{"name": fmt.Sprintf("u%d", i), "http": map[string]any{"url": "http://a"}})
	}
	for i := range 256 {
		tools = append(tools, map[string]any{
			"name": fmt.Sprintf("tool_%d", i), "scopes": fewer, "upstream": "u63",
			"inputSchema": map[string]any{"type": "object"}, "http": map[string]any{"method": "GET", "path": "/"},
		})
	}
	words := func(n, size int) []any {
		var out []any
		for i := range n {
			out = append(out, fmt.Sprintf("%04d%s", i, strings.Repeat("w", size-4)))
		}
		return out
	}
	var origins []any
	for i := range 64 {
		origins = append(origins, fmt.Sprintf("https://%02d%s", i, strings.Repeat("o", 246)))
	}
	spec["allowedOrigins"] = origins
	spec["tokens"] = map[string]any{"scopeClaims": words(8, 128)}
	spec["authentication"] = map[string]any{"acrValues": words(16, 128)}
	spec["revocation"] = map[string]any{"subjects": words(256, 256), "clients": words(256, 512), "tokenIDs": words(1024, 256)}
	for _, t := range tools {
		t.(map[string]any)["authentication"] = map[string]any{"acrValues": words(16, 8)}
	}
	spec["scopes"], spec["upstreams"], spec["tools"], spec["requiredScopes"] = scopes, upstreams, tools, fewer
	return spec
}
