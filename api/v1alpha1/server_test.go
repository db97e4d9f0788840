package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

func TestAPIServerAcceptsWhatIsAllowed(t *testing.T) {
	tests := map[string]func(o object){
		"one of everything":                    func(object) {},
		"nothing but resource and issuer":      func(o object) { o.set(bare(), "spec") },
		"empty structs":                        func(o object) { o.set(withEmptyStructs(), "spec") },
		"a loopback resource over http":        func(o object) { o.set(bare(), "spec"); o.resource("http://127.0.0.1:8080/mcp") },
		"an IPv6 loopback resource over http":  func(o object) { o.set(bare(), "spec"); o.resource("http://[::1]:8080") },
		"a resource without a path":            func(o object) { o.resource("https://mcp.example.com") },
		"a resource with a port":               func(o object) { o.resource("https://mcp.example.com:8443/a/b") },
		"a resource with an upper-case host":   func(o object) { o.resource("HTTPS://MCP.example.com/A") },
		"a resource with every path character": func(o object) { o.resource("https://mcp.example.com/a.b/..c/-._~!$&'()*+,;=:@") },
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
	c := newClient(t)
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			o := parse(t, valid)
			change(o)
			if err := c.Create(t.Context(), o.Unstructured, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func bare() map[string]any {
	return map[string]any{"resource": "https://mcp.example.com/billing", "issuer": "https://auth.example.com"}
}

func withEmptyStructs() map[string]any {
	spec := bare()
	for _, field := range []string{"tokens", "authentication", "revocation", "limits", "telemetry", "exposure", "workload"} {
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

func TestInputSchemaIsKeptAsIs(t *testing.T) {
	const schema = `{"$defs":{"x":{"enum":[1,2.50,"a",null,true]}},"properties":{"a":{"$ref":"#/$defs/x","x-custom":{"deep":[{}]}}},"type":"object"}`
	c := newClient(t)
	s := decode(t, valid)
	s.Name = "schema-kept"
	s.Spec.Tools[0].InputSchema.Raw = []byte(schema)
	create(t, c, s)
	var got v1alpha1.SecuredMCPServer
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(s), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jsonValue(t, schema), jsonValue(t, string(got.Spec.Tools[0].InputSchema.Raw))); diff != "" {
		t.Errorf("inputSchema (-sent +stored):\n%s", diff)
	}
}

// Three teams own three lists of one object and none needs to know the others'.
func TestTeamsShareAnObjectThroughServerSideApply(t *testing.T) {
	c := newClient(t)
	apply := func(team, spec string) {
		o := parse(t, "apiVersion: securedmcp.dev/v1alpha1\nkind: SecuredMCPServer\nmetadata: {name: shared, namespace: default}\nspec: "+spec)
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o.Unstructured), client.FieldOwner(team)); err != nil {
			t.Fatalf("%s: %v", team, err)
		}
	}
	apply("platform", `{resource: "https://mcp.example.com/shared", issuer: "https://auth.example.com"}`)
	apply("security", `{scopes: [{name: a}, {name: b, implies: [a]}]}`)
	apply("app", `{scopes: [{name: c}], tools: [{name: t, upstream: builtin, scopes: [a], inputSchema: {type: object, properties: {x: {}}}}]}`)
	apply("security", `{scopes: [{name: a}]}`)
	apply("app", `{scopes: [{name: c}], tools: [{name: t, upstream: builtin, scopes: [a], inputSchema: {type: object}}]}`)

	var got v1alpha1.SecuredMCPServer
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "shared"}, &got); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), &got) })
	var scopes []string
	for _, s := range got.Spec.Scopes {
		scopes = append(scopes, s.Name)
	}
	slices.Sort(scopes)
	if diff := cmp.Diff([]string{"a", "c"}, scopes); diff != "" {
		t.Errorf("scopes after security took b back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(`{"type":"object"}`, string(got.Spec.Tools[0].InputSchema.Raw)); diff != "" {
		t.Errorf("inputSchema is owned whole (-want +got):\n%s", diff)
	}
}

// Whoever takes what is another team's is told whose it is, and changes nothing
// unless they insist.
func TestATeamThatTakesAnothersFieldIsToldWhose(t *testing.T) {
	c := newClient(t)
	apply := func(team, spec string, opts ...client.ApplyOption) error {
		o := parse(t, "apiVersion: securedmcp.dev/v1alpha1\nkind: SecuredMCPServer\nmetadata: {name: taken, namespace: default}\nspec: "+spec)
		return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o.Unstructured), append(opts, client.FieldOwner(team))...)
	}
	var got v1alpha1.SecuredMCPServer
	read := func() *v1alpha1.SecuredMCPServer {
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "taken"}, &got); err != nil {
			t.Fatal(err)
		}
		return &got
	}
	if err := apply("platform", `{resource: "https://mcp.example.com/taken", issuer: "https://auth.example.com", scopes: [{name: a, description: of the platform}]}`); err != nil {
		t.Fatal(err)
	}
	read()
	t.Cleanup(func() { _ = c.Delete(context.Background(), &got) })
	takes := map[string]struct{ spec, field string }{
		"a field":            {`{issuer: "https://evil.example.com"}`, ".spec.issuer"},
		"a field of an item": {`{scopes: [{name: a, description: mine}]}`, `.spec.scopes[name="a"].description`},
	}
	for name, test := range takes {
		t.Run(name, func(t *testing.T) {
			err := apply("app", test.spec)
			if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "platform"`) || !strings.Contains(err.Error(), test.field) {
				t.Errorf("error %v, want a conflict with platform about %s", err, test.field)
			}
			if s := read(); s.Spec.Issuer != "https://auth.example.com" || s.Spec.Scopes[0].Description != "of the platform" {
				t.Errorf("issuer %s, scopes %v", s.Spec.Issuer, s.Spec.Scopes)
			}
		})
	}
	if err := apply("app", `{issuer: "https://auth.example.com"}`); err != nil {
		t.Errorf("owning the same value together: %v", err)
	}
	if err := apply("app", `{issuer: "https://other.example.com"}`, client.ForceOwnership); err != nil || read().Spec.Issuer != "https://other.example.com" {
		t.Errorf("taking it by force: %v, issuer %s", err, got.Spec.Issuer)
	}
}

func TestKubectlGetShowsWhatMatters(t *testing.T) {
	c := newClient(t)
	s := decode(t, valid)
	s.Name = "columns"
	create(t, c, s)
	s.Status = v1alpha1.SecuredMCPServerStatus{
		URL: "https://mcp.example.com/billing", Revision: "6f2c9a1b6f2c9a1b", Enforced: "1/2",
		Replicas:   &v1alpha1.ReplicaCounts{Desired: 2, Ready: 2, Enforcing: 1},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonProgressing, LastTransitionTime: metav1.Now()}},
	}
	if err := c.Status().Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := columns(t, "columns")
	if got["Age"] == "" {
		t.Error("Age is empty")
	}
	delete(got, "Age")
	want := map[string]string{
		"Name": "columns", "Ready": "False", "Reason": "Progressing", "URL": "https://mcp.example.com/billing", "Enforced": "1/2",
		"Issuer (wide)": "https://auth.example.com", "Revision (wide)": "6f2c9a1b6f2c9a1b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// columns asks for the table that kubectl prints.
func columns(t *testing.T, name string) map[string]string {
	t.Helper()
	discovery, err := discovery.NewDiscoveryClientForConfig(kubetest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := discovery.RESTClient().Get().
		AbsPath("/apis/securedmcp.dev/v1alpha1/namespaces/default/securedmcpservers", name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, column := range table.ColumnDefinitions {
		title := column.Name
		if column.Priority > 0 {
			title += " (wide)"
		}
		got[title] = fmt.Sprint(table.Rows[0].Cells[i])
	}
	return got
}

func decode(t *testing.T, manifest string) *v1alpha1.SecuredMCPServer {
	t.Helper()
	s := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict([]byte(manifest), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	if err := c.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), s) })
}

func jsonValue(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
