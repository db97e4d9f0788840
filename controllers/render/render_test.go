package render_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
	"github.com/securedmcp/operator/test/golden"
)

func TestManifestsRenderToTheseConfigs(t *testing.T) {
	manifests := map[string]string{
		"billing-tools": "../../config/samples/billing-tools.yaml",
		"hardened":      "../../config/samples/hardened.yaml",
		"opaque":        "testdata/opaque.yaml",
		"minimal":       "testdata/minimal.yaml",
		"everything":    "testdata/everything.yaml",
	}
	for name, path := range manifests {
		t.Run(name, func(t *testing.T) {
			c, err := render.RuntimeConfig(read(t, path))
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, filepath.Join("testdata", name+".golden.json"), encode(t, c))
		})
	}
}

func TestWhatIsRenderedIsWhatTheRuntimeDecodes(t *testing.T) {
	c, err := render.RuntimeConfig(read(t, "testdata/everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := config.Decode(encode(t, c))
	if err != nil {
		t.Fatal(err)
	}
	// Encode indents schemas too, so compare what a second encoding makes of it.
	if diff := cmp.Diff(string(encode(t, c)), string(encode(t, decoded))); diff != "" {
		t.Errorf("round trip (-rendered +decoded):\n%s", diff)
	}
}

func TestOrderInTheManifestDoesNotChangeTheRevision(t *testing.T) {
	const path = "testdata/everything.yaml"
	c, err := render.RuntimeConfig(read(t, path))
	if err != nil {
		t.Fatal(err)
	}
	s := read(t, path)
	slices.Reverse(s.Spec.Scopes)
	slices.Reverse(s.Spec.RequiredScopes)
	slices.Reverse(s.Spec.Upstreams)
	slices.Reverse(s.Spec.Tools)
	slices.Reverse(s.Spec.Tokens.Algorithms)
	slices.Reverse(s.Spec.AllowedOrigins)
	slices.Reverse(s.Spec.Revocation.Subjects)
	slices.Reverse(s.Spec.Revocation.Clients)
	slices.Reverse(s.Spec.Revocation.TokenIDs)
	s.Spec.Revocation.IssuedBefore = new(metav1.NewTime(s.Spec.Revocation.IssuedBefore.In(time.FixedZone("", 3600))))
	for i := range s.Spec.Scopes {
		slices.Reverse(s.Spec.Scopes[i].Implies)
	}
	for i := range s.Spec.Tools {
		slices.Reverse(s.Spec.Tools[i].Scopes)
		s.Spec.Tools[i].InputSchema.Raw = []byte(strings.ReplaceAll(string(s.Spec.Tools[i].InputSchema.Raw), ",", " ,\n"))
	}
	reversed, err := render.RuntimeConfig(s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(encode(t, c)), string(encode(t, reversed))); diff != "" {
		t.Errorf("rendered (-in order +reversed):\n%s", diff)
	}
}

func TestOrderThatMeansSomethingIsKept(t *testing.T) {
	c, err := render.RuntimeConfig(read(t, "testdata/everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"permissions", "scope"}, {"urn:hwk", "urn:mfa"}}
	if diff := cmp.Diff(want, [][]string{c.Tokens.ScopeClaims, c.Authentication.ACRValues}); diff != "" {
		t.Errorf("scopeClaims, acrValues (-want +got):\n%s", diff)
	}
}

// The paths in the configuration are those of the volumes, or the runtime would
// look where nothing is.
func TestEveryFileOfTheConfigurationIsMounted(t *testing.T) {
	for _, path := range []string{"testdata/everything.yaml", "testdata/opaque.yaml", "../../config/samples/hardened.yaml"} {
		s := read(t, path)
		c, err := render.RuntimeConfig(s)
		if err != nil {
			t.Fatal(err)
		}
		files := c.Files()
		if tls := render.PodTLS(&s.Spec); tls != nil {
			files = append(files, tls.CertFile, tls.KeyFile)
		}
		var mounted, volumes []string
		for _, ref := range render.References(&s.Spec) {
			volumes = append(volumes, ref.Volume)
			for _, key := range ref.Keys {
				mounted = append(mounted, ref.Path(key))
			}
		}
		slices.Sort(files)
		slices.Sort(mounted)
		if diff := cmp.Diff(files, mounted); diff != "" || len(files) == 0 {
			t.Errorf("%s (-files of the configuration +mounted):\n%s", path, diff)
		}
		if slices.Sort(volumes); len(slices.Compact(slices.Clone(volumes))) != len(volumes) {
			t.Errorf("%s: two references share a volume: %v", path, volumes)
		}
	}
}

func TestRenderingLeavesTheObjectAlone(t *testing.T) {
	s := read(t, "testdata/everything.yaml")
	before := s.DeepCopy()
	c, err := render.RuntimeConfig(s)
	if err != nil {
		t.Fatal(err)
	}
	c.Scopes[0].Name, c.RequiredScopes[0] = "changed", "changed"
	for _, list := range [][]string{
		c.Tokens.ScopeClaims, c.Authentication.ACRValues, c.AllowedOrigins, c.Revocation.Subjects, c.Revocation.Clients, c.Revocation.TokenIDs,
	} {
		list[0] = "changed"
	}
	if diff := cmp.Diff(before, s); diff != "" {
		t.Errorf("server (-before +after):\n%s", diff)
	}
}

func TestErrorsNameTheFieldOfTheManifest(t *testing.T) {
	tests := map[string]struct {
		spoil func(s *v1alpha1.SecuredMCPServer)
		want  []string
	}{
		"a resource without https": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Resource = "http://mcp.example.com" },
			[]string{"spec.resource"},
		},
		"no name": {
			func(s *v1alpha1.SecuredMCPServer) { s.Name, s.Namespace = "", "" },
			[]string{"metadata.name"},
		},
		"scopes that imply each other": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Scopes[0].Implies = []string{"invoices:write"} },
			[]string{"spec.scopes"},
		},
		"an undeclared scope of the second tool as written": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Tools[1].Scopes = []string{"nope"} },
			[]string{"spec.tools[1].scopes[0]"},
		},
		"an expression that does not compile, of the second scope as written": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Scopes[1].GrantedBy = "claims.admin &&" },
			[]string{"spec.scopes[1].grantedBy"},
		},
		"introspection by nobody, of nothing": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Tokens.Type, s.Spec.Tokens.Introspection = "Opaque", &v1alpha1.Introspection{AuthMethod: "none"}
			},
			[]string{"spec.tokens.introspection.clientID", "spec.tokens.introspection.clientSecretRef", "spec.tokens.introspection.authMethod"},
		},
		"a log level that is none": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Workload.LogLevel = "Trace" },
			[]string{"spec.workload.logLevel"},
		},
		"an input schema that does not compile": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Tools[1].InputSchema.Raw = []byte(`{"type":"object","properties":7}`)
			},
			[]string{"spec.tools[1].inputSchema.properties"},
		},
		"a header that no client could send": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Tools[1].InputSchema.Raw = []byte(`{"type":"object","properties":{"region":{"type":"number","x-mcp-header":"Region"}}}`)
			},
			[]string{"spec.tools[1].inputSchema.properties.region.x-mcp-header"},
		},
		"an input schema that is no JSON": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Tools[0].InputSchema.Raw = []byte(`{"type":`) },
			[]string{"spec.tools[0].inputSchema"},
		},
		"two JSON values for an input schema": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Tools[0].InputSchema.Raw = []byte(`{"type":"object"} {}`) },
			[]string{"spec.tools[0].inputSchema"},
		},
		"no input schemas at all": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Tools[0].InputSchema.Raw, s.Spec.Tools[1].InputSchema.Raw = nil, nil
			},
			[]string{"spec.tools[0].inputSchema", "spec.tools[1].inputSchema"},
		},
		"a path variable that is no argument": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Tools[0].HTTP.Path = "/x/{nope}" },
			[]string{"spec.tools[0].http.path"},
		},
		"declared egress to an upstream outside of the cluster": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Workload.Egress = v1alpha1.EgressDeclared
				s.Spec.Upstreams[0].HTTP.URL = "https://api.example.com"
			},
			[]string{"spec.upstreams[0].http.url"},
		},
		"ports that do not exist": {
			func(s *v1alpha1.SecuredMCPServer) {
				s.Spec.Resource, s.Spec.Issuer = "https://mcp.example.com:99999/billing", "https://auth.example.com:0"
				s.Spec.Upstreams[0].HTTP.URL = "http://billing-api.billing.svc:80800"
			},
			[]string{"spec.resource", "spec.issuer", "spec.upstreams[0].http.url"},
		},
		"a colon without a port": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Resource = "https://mcp.example.com:/billing" },
			[]string{"spec.resource"},
		},
		"an upstream that is not declared": {
			func(s *v1alpha1.SecuredMCPServer) { s.Spec.Upstreams = nil },
			[]string{"spec.tools[0].upstream", "spec.tools[1].upstream"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := read(t, "../../config/samples/billing-tools.yaml")
			test.spoil(s)
			c, err := render.RuntimeConfig(s)
			if c != nil {
				t.Error("a config was returned beside the error")
			}
			var errs config.FieldErrors
			if !errors.As(err, &errs) {
				t.Fatalf("error %T %v, want config.FieldErrors", err, err)
			}
			var paths []string
			for _, e := range errs {
				paths = append(paths, e.Path)
			}
			if diff := cmp.Diff(test.want, paths); diff != "" {
				t.Errorf("paths (-want +got) of %v:\n%s", err, diff)
			}
		})
	}
}

func TestResourceMetadataURLInsertsTheWellKnownPath(t *testing.T) {
	tests := map[string]string{
		"https://mcp.example.com/billing":      "https://mcp.example.com/.well-known/oauth-protected-resource/billing",
		"https://mcp.example.com":              "https://mcp.example.com/.well-known/oauth-protected-resource",
		"https://mcp.example.com:8443/a/b":     "https://mcp.example.com:8443/.well-known/oauth-protected-resource/a/b",
		"http://[::1]:8080/a!b'(c)":            "http://[::1]:8080/.well-known/oauth-protected-resource/a!b'(c)",
		"https://mcp.example.com/%zz-no-a-uri": "",
	}
	for resource, want := range tests {
		t.Run(resource, func(t *testing.T) {
			got, err := render.ResourceMetadataURL(resource)
			if (err != nil) != (want == "") || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func read(t *testing.T, path string) *v1alpha1.SecuredMCPServer {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict(raw, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func encode(t *testing.T, c *config.RuntimeConfig) []byte {
	t.Helper()
	raw, err := config.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
