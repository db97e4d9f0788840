package v1alpha1

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *RuntimeConfig {
	yes := true
	return &RuntimeConfig{
		APIVersion: APIVersion, Kind: Kind, Name: "billing/billing-tools", Title: "Billing Tools",
		Resource: "https://mcp.example.com/billing", Issuer: "https://auth.example.com", Audience: "https://mcp.example.com/billing",
		Scopes:         []Scope{{Name: "invoices:read"}, {Name: "invoices:write", Implies: []string{"invoices:read"}}},
		RequiredScopes: []string{"invoices:read"},
		Tokens:         Tokens{CABundleFile: "/etc/securedmcp/issuer-ca/ca.crt"},
		Upstreams:      []Upstream{{Name: "billing-api", HTTP: &HTTPUpstream{URL: "http://billing-api.billing.svc:8080"}, TimeoutSeconds: 10}},
		Tools: []Tool{{
			Name: "lookup_invoice", Annotations: &ToolAnnotations{ReadOnlyHint: &yes}, Scopes: []string{"invoices:read"},
			InputSchema: json.RawMessage(`{"type":"object"}`), Upstream: "billing-api", HTTP: &HTTPTool{Method: "GET", Path: "/invoices"},
		}},
	}
}

func TestEncodeAndDecodeAreInverse(t *testing.T) {
	raw, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, again) {
		t.Errorf("encoded again (-first +second):\n%s", cmp.Diff(string(raw), string(again)))
	}
	if err := got.Validate(); err != nil {
		t.Errorf("the sample is not valid: %v", err)
	}
}

func TestEncodedForm(t *testing.T) {
	raw, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/config.golden.json"
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	// The form is a contract between an operator and runtimes of other versions.
	if diff := cmp.Diff(string(want), string(raw)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	head := `{"apiVersion":"` + APIVersion + `","kind":"` + Kind + `"`
	for name, tc := range map[string]struct{ raw, want string }{
		"nothing":              {"", "unexpected end"},
		"another apiVersion":   {`{"apiVersion":"v1","kind":"RuntimeConfig"}`, `apiVersion "v1"`},
		"another kind":         {`{"apiVersion":"` + APIVersion + `","kind":"Pod"}`, `kind "Pod"`},
		"an unknown member":    {head + `,"issuerr":""}`, `unknown field "issuerr"`},
		"a nested unknown one": {head + `,"tokens":{"skew":1}}`, `unknown field "skew"`},
		"a repeated member":    {head + `,"issuer":"https://a","issuer":"https://b"}`, ".issuer appears twice"},
		"a nested repeated one": {
			head + `,"tools":[{"name":"a","inputSchema":{"type":"object","type":"array"},"upstream":"b"}]}`, ".tools[0].inputSchema.type appears twice",
		},
		"data behind":  {head + `}{}`, "after"},
		"a wrong type": {head + `,"scopes":"invoices:read"}`, "scopes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(tc.raw))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestValidateSaysWhereAndWhatIsAllowed(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil      func(*RuntimeConfig)
		path, want string
	}{
		"no name":                          {func(c *RuntimeConfig) { c.Name = "" }, "name", "required"},
		"a resource that is a path":        {func(c *RuntimeConfig) { c.Resource = "/billing" }, "resource", "not an absolute URI"},
		"a resource without TLS":           {func(c *RuntimeConfig) { c.Resource = "http://mcp.example.com" }, "resource", "want https"},
		"a resource with a slash behind":   {func(c *RuntimeConfig) { c.Resource += "/" }, "resource", "no trailing slash"},
		"a resource with a query":          {func(c *RuntimeConfig) { c.Resource += "?" }, "resource", "no user information, query or fragment"},
		"a resource with a fragment":       {func(c *RuntimeConfig) { c.Resource += "#" }, "resource", "no user information, query or fragment"},
		"a resource with a password":       {func(c *RuntimeConfig) { c.Resource = "https://u:p@mcp.example.com" }, "resource", "no user information"},
		"a resource that climbs":           {func(c *RuntimeConfig) { c.Resource = "https://mcp.example.com/a/../b" }, "resource", "dot segments"},
		"a resource with an empty segment": {func(c *RuntimeConfig) { c.Resource = "https://mcp.example.com//b" }, "resource", "dot segments"},
		"a resource with an escape":        {func(c *RuntimeConfig) { c.Resource = "https://mcp.example.com/%62" }, "resource", "unescaped"},
		"a well-known resource":            {func(c *RuntimeConfig) { c.Resource = "https://mcp.example.com/.well-known/openid-configuration" }, "resource", "outside of /.well-known"},
		"an issuer without TLS":            {func(c *RuntimeConfig) { c.Issuer = "http://auth.example.com" }, "issuer", "want https"},
		"an issuer with a space":           {func(c *RuntimeConfig) { c.Issuer = "https://auth.example.com/a b" }, "issuer", "no space"},
		"a resource beyond ASCII":          {func(c *RuntimeConfig) { c.Resource = "https://mcp.ex\u00e4mple.com/a" }, "resource", "nothing beyond ASCII"},
		"an upstream URL with a space":     {func(c *RuntimeConfig) { c.Upstreams[0].HTTP.URL += "/a b" }, "upstreams[0].http.url", "no space"},
		"no audience":                      {func(c *RuntimeConfig) { c.Audience = "" }, "audience", "required"},
		"a scope with a space":             {func(c *RuntimeConfig) { c.Scopes[0].Name = "a b" }, "scopes[0].name", "RFC 6749"},
		"offline_access":                   {func(c *RuntimeConfig) { c.Scopes[0].Name = "offline_access" }, "scopes[0].name", "offline_access"},
		"a scope twice":                    {func(c *RuntimeConfig) { c.Scopes[1].Name = "invoices:read" }, "scopes[1].name", "declared twice"},
		"an unknown implied scope":         {func(c *RuntimeConfig) { c.Scopes[1].Implies[0] = "x" }, "scopes[1].implies[0]", "declared: invoices:read, invoices:write"},
		"a cycle":                          {func(c *RuntimeConfig) { c.Scopes[0].Implies = []string{"invoices:write"} }, "scopes", "invoices:read -> invoices:write -> invoices:read"},
		"a scope that implies itself":      {func(c *RuntimeConfig) { c.Scopes[0].Implies = []string{"invoices:read"} }, "scopes", "invoices:read -> invoices:read"},
		"an unknown required scope":        {func(c *RuntimeConfig) { c.RequiredScopes[0] = "x" }, "requiredScopes[0]", "not a declared scope"},
		"an upstream without name":         {func(c *RuntimeConfig) { c.Upstreams[0].Name = "" }, "upstreams[0].name", "required"},
		"an upstream named builtin":        {func(c *RuntimeConfig) { c.Upstreams[0].Name = "builtin" }, "upstreams[0].name", "reserved"},
		"an upstream of no kind":           {func(c *RuntimeConfig) { c.Upstreams[0].HTTP = nil }, "upstreams[0]", "exactly one of: http"},
		"an upstream URL of a file":        {func(c *RuntimeConfig) { c.Upstreams[0].HTTP.URL = "file:///etc" }, "upstreams[0].http.url", "absolute http or https"},
		"an upstream URL with a query":     {func(c *RuntimeConfig) { c.Upstreams[0].HTTP.URL += "?a" }, "upstreams[0].http.url", "no user information, query"},
		"a negative timeout":               {func(c *RuntimeConfig) { c.Upstreams[0].TimeoutSeconds = -1 }, "upstreams[0].timeoutSeconds", "want 1 or more"},
		"a tool name with a space":         {func(c *RuntimeConfig) { c.Tools[0].Name = "a b" }, "tools[0].name", "letters, digits"},
		"a tool twice":                     {func(c *RuntimeConfig) { c.Tools = append(c.Tools, c.Tools[0]) }, "tools[1].name", "declared twice"},
		"an unknown scope of a tool":       {func(c *RuntimeConfig) { c.Tools[0].Scopes[0] = "x" }, "tools[0].scopes[0]", "declared: invoices:read, invoices:write"},
		"an unknown upstream":              {func(c *RuntimeConfig) { c.Tools[0].Upstream = "x" }, "tools[0].upstream", "declared: billing-api"},
		"no backend":                       {func(c *RuntimeConfig) { c.Tools[0].HTTP = nil }, "tools[0]", "exactly one of: http"},
		"a builtin with http":              {func(c *RuntimeConfig) { c.Tools[0].Upstream = "builtin" }, "tools[0].http", "builtin"},
		"an unknown version of TLS":        {func(c *RuntimeConfig) { c.TLS = &TLS{MinVersion: "1.1"} }, "tls.minVersion", "want 1.2 or 1.3"},
		"an unknown method":                {func(c *RuntimeConfig) { c.Tools[0].HTTP.Method = "get" }, "tools[0].http.method", "GET, POST, PUT, PATCH, DELETE"},
	} {
		t.Run(name, func(t *testing.T) {
			c := sample()
			tc.spoil(c)
			var errs FieldErrors
			if err := c.Validate(); !errors.As(err, &errs) {
				t.Fatalf("error %v, want FieldErrors", err)
			}
			if errs[0].Path != tc.path || !strings.Contains(errs[0].Detail, tc.want) {
				t.Errorf("%v; want %s with %q", errs, tc.path, tc.want)
			}
		})
	}
}

func TestValidateAcceptsLoopbackWithoutTLS(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", "127.1.2.3"} {
		c := sample()
		c.Resource, c.Issuer = "http://"+host+":8080/billing", "http://"+host
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"apiVersion":"config.securedmcp.dev/v1alpha1","kind":"RuntimeConfig","scopes":[{"name":"a","implies":["a"]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Decode(raw)
		if err != nil || c.Validate() != nil {
			return
		}
		first, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("what was encoded does not decode: %v\n%s", err, first)
		}
		second, err := Encode(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("not stable: %v\n%s\n%s", err, first, second)
		}
	})
}
