package manifest

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/securedmcp/operator/controllers/render"
)

const good = `apiVersion: securedmcp.dev/v1alpha1
kind: SecuredMCPServer
metadata: {name: billing-tools}
spec:
  resource: https://mcp.example.com/billing
  issuer: https://auth.example.com
`

func TestAGoodManifestIsTheObjectThatKubectlWouldSend(t *testing.T) {
	server, err := Load(t.Context(), Source{"x.yaml", []byte(good)}, Options{Namespace: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	if server.Name != "billing-tools" || server.Namespace != "billing" || server.Spec.Issuer != "https://auth.example.com" {
		t.Errorf("%+v", server)
	}
}

func TestAGoodManifestMayBeJSONOrHaveAStatus(t *testing.T) {
	for name, text := range map[string]string{
		"JSON": `{"apiVersion":"securedmcp.dev/v1alpha1","kind":"SecuredMCPServer","metadata":{"name":"x"},` +
			`"spec":{"resource":"https://mcp.example.com","issuer":"https://auth.example.com"}}`,
		"as read from a cluster": strings.Replace(good, "metadata: {", "metadata: {uid: 1-2, resourceVersion: '7', generation: 3, creationTimestamp: '2026-01-01T00:00:00Z', ", 1) +
			"status: {observedGeneration: 3, conditions: []}\n",
	} {
		if _, err := Load(t.Context(), Source{name, []byte(text)}, Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProblemHasItsPlaceInTheFile(t *testing.T) {
	text := "# comment\n---\n" + good + "  tools:\n    - name: a\n      scopes:\n        - x\n      upstream: builtin\n      inputSchema: {type: object}\n"
	_, err := Load(t.Context(), Source{"x.yaml", []byte(text)}, Options{})
	want := Problems{{
		File: "x.yaml", Line: 12, Column: 11, Field: "spec.tools[0].scopes[0]",
		Detail: `"x" is not a declared scope; declared: none`,
	}}
	var got Problems
	if !errors.As(err, &got) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestAProblemStaysOnOneLine(t *testing.T) {
	p := Problem{File: "x.yaml", Line: 1, Column: 2, Field: "spec.title", Detail: "two\nlines\tand  more"}
	if got := p.Error(); got != "x.yaml:1:2: spec.title: two lines and more" {
		t.Errorf("%q", got)
	}
}

// yamlBreak ends a line for YAML, which knows more of them than other formats.
var yamlBreak = regexp.MustCompile(`\r\n|[\r\n\x{85}\x{2028}\x{2029}]`)

// FuzzLoad: whatever the text is, it is an object that renders, or it has
// problems whose places are in the file.
func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add("a: &a [*a]")
	f.Add("<<: 1\n? [a]\n: b")
	f.Add(good + "  tools: [{name: a, <<: {upstream: builtin}}]\n---\n# end")
	for _, name := range []string{"anchors", "duplicates", "wrong-type", "missing-required", "unknown-field"} {
		raw, err := os.ReadFile("../../testdata/bad/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, text string) {
		server, err := Load(t.Context(), Source{"fuzz.yaml", []byte(text)}, Options{})
		if err == nil {
			if _, err := render.RuntimeConfig(server); err != nil {
				t.Errorf("what was loaded does not render: %v", err)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("error %v; want problems", err)
		}
		lines := len(yamlBreak.FindAllStringIndex(text, -1)) + 1
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines || p.Detail == "" {
				t.Errorf("problem %+v in a text of %d lines", p, lines)
			}
		}
	})
}
