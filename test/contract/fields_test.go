package contract

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

func echo(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(req.Params.Arguments)}}}, nil
}

// allFields are the contract tests, by the path of the field.
var allFields = []map[string]func(*testing.T){toolFields, tokenFields, doorFields, limitFields, telemetryFields, workloadFields}

// serverInfo is how the server introduces itself to clients of a revision: in the
// answer to initialize, and without sessions in the _meta of every answer.
func (s server) serverInfo(t *testing.T, version, method string) map[string]any {
	t.Helper()
	resp := s.Do(runtimetest.Request{Version: version, Token: s.token(""), Method: method, Params: map[string]any{
		"protocolVersion": version, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "contract", "version": "1"},
	}})
	result, _ := resp.JSON()["result"].(map[string]any)
	if info, ok := result["serverInfo"].(map[string]any); ok {
		return info
	}
	meta, _ := result["_meta"].(map[string]any)
	info, _ := meta["io.modelcontextprotocol/serverInfo"].(map[string]any)
	if info == nil {
		t.Fatalf("status %d, no serverInfo in %s", resp.Status, resp.Body)
	}
	return info
}

// toolFields are about what is served.
var toolFields = map[string]func(*testing.T){
	"title": func(t *testing.T) {
		s := apply(t, patch(t, `title: Billing Tools`))
		if got := s.metadata()["resource_name"]; got != "Billing Tools" {
			t.Errorf("resource_name %v", got)
		}
		for version, method := range map[string]string{runtimetest.Modern: "server/discover", "2025-11-25": "initialize"} {
			if got := s.serverInfo(t, version, method); got["title"] != "Billing Tools" || got["name"] != "billing/billing-tools" {
				t.Errorf("in %s %s says %v", version, method, got)
			}
		}
	},
	"resource": func(t *testing.T) {
		s := apply(t, patch(t, `resource: https://tools.example.com/a/b`))
		resp := s.Do(runtimetest.Request{URL: "https://tools.example.com/a/b", Token: s.token("")})
		if resp.Status != http.StatusUnauthorized { // the audience follows the resource
			t.Errorf("a token for the old resource: status %d, want 401", resp.Status)
		}
		if got := resp.Challenge()["resource_metadata"]; got != "https://tools.example.com/.well-known/oauth-protected-resource/a/b" {
			t.Errorf("resource_metadata %q", got)
		}
		if resp := s.Do(runtimetest.Request{URL: runtimetest.Resource}); resp.Status == http.StatusUnauthorized {
			t.Error("the old path is still the endpoint")
		}
	},
	"issuer": func(t *testing.T) {
		s := apply(t, patch(t, `{}`))
		if got := asJSON(s.metadata()["authorization_servers"]); got != `["`+s.issuer.Issuer()+`"]` {
			t.Errorf("authorization_servers %s", got)
		}
		if got := s.status(s.issuer.Token(oauthtest.Claims{"iss": "https://auth.example.com"})); got != http.StatusUnauthorized {
			t.Errorf("a token of another issuer: status %d, want 401", got)
		}
		if got := s.status(s.token("")); got != http.StatusOK {
			t.Errorf("a token of the issuer: status %d, want 200", got)
		}
	},
	"audience": func(t *testing.T) {
		s := apply(t, patch(t, `audience: urn:billing`))
		if got := s.status(s.issuer.Token(oauthtest.Claims{"aud": "urn:billing"})); got != http.StatusOK {
			t.Errorf("a token for the audience: status %d, want 200", got)
		}
		if got := s.status(s.issuer.Token(oauthtest.Claims{"aud": runtimetest.Resource})); got != http.StatusUnauthorized {
			t.Errorf("a token for the resource: status %d, want 401", got)
		}
	},
	"scopes[].name": func(t *testing.T) {
		s := apply(t, patch(t, `scopes: [{name: b}, {name: a}]`))
		if got := asJSON(s.metadata()["scopes_supported"]); got != `["a","b"]` {
			t.Errorf("scopes_supported %s", got)
		}
	},
	"scopes[].description": func(t *testing.T) {
		s := apply(t, patch(t, `scopes: [{name: a, description: Do A}]`))
		if got := asJSON(s.metadata()["securedmcp_scope_descriptions"]); got != `{"a":"Do A"}` {
			t.Errorf("securedmcp_scope_descriptions %s", got)
		}
	},
	"scopes[].implies[]": func(t *testing.T) {
		s := apply(t, patch(t, `{scopes: [{name: invoices:read}, {name: admin, implies: [invoices:read]}], requiredScopes: [invoices:read]}`))
		if got := s.status(s.token("admin")); got != http.StatusOK {
			t.Errorf("the broader scope: status %d, want 200", got)
		}
		s = apply(t, patch(t, `{scopes: [{name: invoices:read}, {name: admin}], requiredScopes: [invoices:read]}`))
		if got := s.status(s.token("admin")); got != http.StatusForbidden {
			t.Errorf("a scope that implies nothing: status %d, want 403", got)
		}
	},
	"requiredScopes[]": func(t *testing.T) {
		s := apply(t, patch(t, `requiredScopes: [invoices:read]`))
		resp := s.Do(runtimetest.Request{Token: s.token("invoices:write")})
		if resp.Status != http.StatusForbidden || resp.Challenge()["scope"] != "invoices:read" {
			t.Errorf("status %d, challenge %v; want 403 with invoices:read", resp.Status, resp.Challenge())
		}
		if got := s.status(s.token("invoices:read")); got != http.StatusOK {
			t.Errorf("with the scope: status %d, want 200", got)
		}
	},
	"upstreams[].name": func(t *testing.T) {
		other := runtimetest.NewAPI(t, nil)
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Upstreams = append(spec.Upstreams, v1alpha1.Upstream{Name: "other", HTTP: &v1alpha1.HTTPUpstream{URL: other.URL}})
			spec.Tools[0].Upstream = "other"
		})
		s.lookup(s.token(""))
		if len(s.api.Requests()) != 0 || len(other.Requests()) != 1 {
			t.Errorf("%d requests to the first upstream, %d to the named one", len(s.api.Requests()), len(other.Requests()))
		}
	},
	"upstreams[].http.url": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Upstreams[0].HTTP.URL += "/v1" })
		s.lookup(s.token(""))
		if got := s.api.Last(t).URI; got != "/v1/invoices/INV-1" {
			t.Errorf("the upstream was asked for %s", got)
		}
	},
	"upstreams[].timeoutSeconds": func(t *testing.T) {
		release := make(chan struct{})
		slow := runtimetest.NewAPI(t, func(http.ResponseWriter, *http.Request) { <-release })
		defer close(release)
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Upstreams[0].HTTP.URL, spec.Upstreams[0].TimeoutSeconds = slow.URL, 1
		})
		start := time.Now()
		if text, isError := s.lookup(s.token("")).Text(); !isError || !strings.Contains(text, "in time") || time.Since(start) < time.Second {
			t.Errorf("answer %q after %s", text, time.Since(start))
		}
	},
	"tools[].name": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Tools[0].Name = "find_invoice" })
		if got := s.tool(t)["name"]; got != "find_invoice" {
			t.Errorf("name %v", got)
		}
		if got := s.lookup(s.token("")).ErrorCode(); got != -32602 {
			t.Errorf("the undeclared name: code %d, want -32602", got)
		}
	},
	"tools[].title": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Tools[0].Title = "Look it up" })
		if got := s.tool(t)["title"]; got != "Look it up" {
			t.Errorf("title %v", got)
		}
	},
	"tools[].description": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Tools[0].Description = "Looks it up." })
		if got := s.tool(t)["description"]; got != "Looks it up." {
			t.Errorf("description %v", got)
		}
	},
	"tools[].annotations.readOnlyHint":    hint("readOnlyHint", true),
	"tools[].annotations.destructiveHint": hint("destructiveHint", false),
	"tools[].annotations.idempotentHint":  hint("idempotentHint", true),
	"tools[].annotations.openWorldHint":   hint("openWorldHint", false),
	"tools[].scopes[]": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Tools[0].Scopes = []string{"invoices:read", "invoices:write"}
		})
		resp := s.lookup(s.token("invoices:read"))
		if resp.Status != http.StatusForbidden || resp.Challenge()["scope"] != "invoices:read invoices:write" || len(s.api.Requests()) != 0 {
			t.Errorf("status %d, challenge %v; want 403 with both scopes", resp.Status, resp.Challenge())
		}
		if resp := s.lookup(s.token("invoices:read invoices:write")); resp.Status != http.StatusOK {
			t.Errorf("with both scopes: status %d, want 200", resp.Status)
		}
	},
	"tools[].inputSchema": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Tools[0].InputSchema.Raw = []byte(`{"type":"object","properties":{"invoiceId":{"type":"string","maxLength":3,"x-note":"kept"}},"required":["invoiceId"]}`)
		})
		if _, isError := s.lookup(s.token("")).Text(); !isError || len(s.api.Requests()) != 0 {
			t.Error("arguments against the schema reached the upstream")
		}
		if got := asJSON(s.tool(t)["inputSchema"]); !strings.Contains(got, `"x-note":"kept"`) {
			t.Errorf("inputSchema %s", got)
		}
	},
	"tools[].upstream": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Tools[0].Name, spec.Tools[0].Upstream, spec.Tools[0].HTTP = "echo", "builtin", nil
		})
		if text, _ := s.Do(runtimetest.Call(s.token(""), "echo", map[string]any{"invoiceId": "INV-1"})).Text(); text != `{"invoiceId":"INV-1"}` {
			t.Errorf("the builtin answered %q", text)
		}
	},
	"tools[].http.method": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Tools[0].HTTP.Method = v1alpha1.HTTPMethodPut })
		s.lookup(s.token(""))
		if got := s.api.Last(t).Method; got != http.MethodPut {
			t.Errorf("the upstream was asked with %s", got)
		}
	},
	"tools[].http.path": func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Tools[0].HTTP.Path = "/v2/{invoiceId}/summary" })
		s.lookup(s.token(""))
		if got := s.api.Last(t).URI; got != "/v2/INV-1/summary" {
			t.Errorf("the upstream was asked for %s", got)
		}
	},
}

func hint(name string, value bool) func(*testing.T) {
	return func(t *testing.T) {
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Tools[0].Annotations = map[string]*v1alpha1.ToolAnnotations{
				"readOnlyHint": {ReadOnlyHint: &value}, "destructiveHint": {DestructiveHint: &value},
				"idempotentHint": {IdempotentHint: &value}, "openWorldHint": {OpenWorldHint: &value},
			}[name]
		})
		annotations, _ := s.tool(t)["annotations"].(map[string]any)
		if got := annotations[name]; got != value {
			t.Errorf("%s %v, want %v", name, got, value)
		}
	}
}

func TestFields(t *testing.T) {
	for _, tests := range allFields {
		for name, test := range tests {
			t.Run(name, test)
		}
	}
}
