// Package contract follows every field of the SecuredMCPServer from YAML to an
// answer of the runtime: a manifest with the field, what the operator renders
// it to, a runtime started from that, and an HTTP answer that shows it.
package contract

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"sigs.k8s.io/yaml"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// manifest is what every case starts from; issuer and API are filled in.
const manifest = `
apiVersion: securedmcp.dev/v1alpha1
kind: SecuredMCPServer
metadata: {name: billing-tools, namespace: billing}
spec:
  resource: https://mcp.example.com/billing
  issuer: https://to.be.replaced
  scopes:
    - name: invoices:read
    - name: invoices:write
  upstreams:
    - name: billing-api
      http: {url: "https://to.be.replaced"}
  tools:
    - name: lookup_invoice
      inputSchema: {type: object, properties: {invoiceId: {type: string}}, required: [invoiceId]}
      upstream: billing-api
      http: {method: GET, path: "/invoices/{invoiceId}"}
`

// server is a runtime that was started from a manifest.
type server struct {
	*runtimetest.Runtime

	issuer *oauthtest.Server
	api    *runtimetest.API
}

// tool is a change of the first tool, in YAML.
func tool(t *testing.T, text string) func(*v1alpha1.SecuredMCPServerSpec) {
	t.Helper()
	return func(spec *v1alpha1.SecuredMCPServerSpec) {
		if err := yaml.UnmarshalStrict([]byte(text), &spec.Tools[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// cluster is what a manifest refers to.
type cluster struct {
	issuer *oauthtest.Server
	// objects are ConfigMaps and Secrets, as NAME/KEY.
	objects map[string][]byte
	// options change how the runtime runs.
	options func(*app.Options)
}

// apply starts a runtime from the manifest, after change.
func apply(t *testing.T, change func(*v1alpha1.SecuredMCPServerSpec)) server {
	t.Helper()
	return cluster{}.apply(t, change)
}

func (c cluster) apply(t *testing.T, change func(*v1alpha1.SecuredMCPServerSpec)) server {
	t.Helper()
	if c.issuer == nil {
		c.issuer = oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	}
	api := runtimetest.NewAPI(t, nil)
	var object v1alpha1.SecuredMCPServer
	if err := yaml.UnmarshalStrict([]byte(manifest), &object); err != nil {
		t.Fatal(err)
	}
	object.Spec.Issuer = c.issuer.Issuer()
	object.Spec.Upstreams[0].HTTP.URL = api.URL
	change(&object.Spec)
	return server{Runtime: c.run(t, &object), issuer: c.issuer, api: api}
}

// patch returns a change of the spec as a person writes it, in YAML.
func patch(t *testing.T, text string) func(*v1alpha1.SecuredMCPServerSpec) {
	t.Helper()
	return func(spec *v1alpha1.SecuredMCPServerSpec) {
		// Entries of a list replace the whole list: what they leave out is gone.
		if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
			t.Fatal(err)
		}
		for i := range spec.Upstreams {
			if spec.Upstreams[i].HTTP == nil {
				t.Fatalf("upstreams[%d] has no URL", i)
			}
		}
	}
}

// run does what operator and kubelet do: it renders, mounts, and starts.
func (c cluster) run(t *testing.T, object *v1alpha1.SecuredMCPServer) *runtimetest.Runtime {
	t.Helper()
	rendered, err := render.RuntimeConfig(object)
	if err != nil {
		t.Fatal(err)
	}
	mounted := c.mount(t, &object.Spec)
	rendered.MoveFiles(func(path string) string { return mounted[path] })
	return runtimetest.Start(t, decoded(t, rendered), func(o *app.Options) {
		o.Builtins = map[string]mcp.ToolHandler{"echo": echo}
		if tls := render.PodTLS(&object.Spec); tls != nil {
			o.TLS = app.TLS{CertFile: mounted[tls.CertFile], KeyFile: mounted[tls.KeyFile]}
		}
		if c.options != nil {
			c.options(o)
		}
	})
}

// mount returns where the files are that a pod would see elsewhere.
func (c cluster) mount(t *testing.T, spec *v1alpha1.SecuredMCPServerSpec) map[string]string {
	t.Helper()
	mounted := map[string]string{}
	for _, ref := range render.References(spec) {
		dir := t.TempDir()
		for _, key := range ref.Keys {
			content, ok := c.objects[ref.Name+"/"+key]
			if !ok {
				t.Fatalf("%s: there is no key %s of %s %s", ref.Field, key, ref.Kind, ref.Name)
			}
			path := filepath.Join(dir, key)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			mounted[ref.Path(key)] = path
		}
	}
	return mounted
}

// decoded makes c pass through the file, where what has no JSON name is lost.
func decoded(t *testing.T, c *config.RuntimeConfig) *config.RuntimeConfig {
	t.Helper()
	raw, err := config.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func (s server) token(scope string) string { return s.issuer.Token(oauthtest.Claims{"scope": scope}) }

func (s server) status(token string) int { return s.Do(runtimetest.Request{Token: token}).Status }

func (s server) metadata() map[string]any {
	return s.Do(runtimetest.Request{HTTPMethod: "GET", URL: "https://mcp.example.com/.well-known/oauth-protected-resource/billing"}).JSON()
}

// tool returns the declaration of the first tool as a client sees it.
func (s server) tool(t *testing.T) map[string]any {
	t.Helper()
	result, _ := s.Do(runtimetest.Request{Token: s.token("")}).JSON()["result"].(map[string]any)
	tools, _ := result["tools"].([]any)
	if len(tools) == 0 {
		t.Fatal("no tools are listed")
	}
	tool, _ := tools[0].(map[string]any)
	return tool
}

func (s server) lookup(token string) *runtimetest.Response {
	return s.Do(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "INV-1"}))
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // values came from JSON
	}
	return string(raw)
}
