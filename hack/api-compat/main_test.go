package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const definition = "../../config/crd/bases/securedmcp.dev_securedmcpservers.yaml"

func TestWhatBreaksTheAPI(t *testing.T) {
	type spec = map[string]schema
	tests := map[string]struct {
		change func(*apiextensionsv1.CustomResourceDefinition, spec)
		want   []string
	}{
		"nothing": {func(*apiextensionsv1.CustomResourceDefinition, spec) {}, nil},
		"a new field": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) { s["new"] = schema{Type: "string"} }, nil,
		},
		"a field that is gone": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) { delete(s, "title") },
			[]string{"v1alpha1.spec.title: the field is gone"},
		},
		"another type": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) { p.Type = "object" })
			},
			[]string{`v1alpha1.spec.title: type "string" became "object"`},
		},
		"a tighter bound": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) { p.MaxLength = new(int64(10)) })
			},
			[]string{"v1alpha1.spec.title: maxLength is 10 now"},
		},
		"a wider bound": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) { p.MaxLength = new(int64(10000)) })
			}, nil,
		},
		"values that are no longer free": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) { p.Enum = []apiextensionsv1.JSON{{Raw: []byte(`"a"`)}} })
			},
			[]string{"v1alpha1.spec.title: only certain values are allowed now"},
		},
		"a new rule": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) {
					p.XValidations = append(p.XValidations, apiextensionsv1.ValidationRule{Rule: "self != 'x'", Message: "no x"})
				})
			},
			[]string{"v1alpha1.spec.title: a new rule: no x"},
		},
		"lists that merge otherwise": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "scopes", func(p *schema) { p.XListType, p.XListMapKeys = new("atomic"), nil })
			},
			[]string{`v1alpha1.spec.scopes: listMapKeys "[name]" became "[]"`, `v1alpha1.spec.scopes: listType "map" became "atomic"`},
		},
		"null that is taken now": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) { p.Nullable = true })
			},
			[]string{"v1alpha1.spec.title: nullable: false became true"},
		},
		"unknown fields that are no longer kept": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				tool := s["tools"].Items.Schema.Properties
				edit(tool, "inputSchema", func(p *schema) { p.XPreserveUnknownFields = nil })
			},
			[]string{"v1alpha1.spec.tools[].inputSchema: preserve-unknown-fields: true became false"},
		},
		"numbers that are too fine": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "title", func(p *schema) { p.MultipleOf = new(0.5) })
			},
			[]string{"v1alpha1.spec.title: multipleOf is 0.5 now"},
		},
		"a rule that is about another field": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "workload", func(p *schema) { p.XValidations[0].FieldPath = ".autoscaling" })
			},
			[]string{`v1alpha1.spec.workload: fieldPath of rule "!has(self.replicas) || !has(self.autoscaling)": ".replicas" became ".autoscaling"`},
		},
		"a rule that says something else": {
			func(_ *apiextensionsv1.CustomResourceDefinition, s spec) {
				edit(s, "workload", func(p *schema) { p.XValidations[0].MessageExpression = "'x'" })
			},
			[]string{`v1alpha1.spec.workload: messageExpression of rule "!has(self.replicas) || !has(self.autoscaling)": "" became "'x'"`},
		},
		"a short name that is gone": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) { d.Spec.Names.ShortNames = []string{"mcp"} },
			[]string{"names: short name smcp is gone"},
		},
		"another kind": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) { d.Spec.Names.Kind = "MCPServer" },
			[]string{`names: kind "SecuredMCPServer" became "MCPServer"`},
		},
		"a status that is no subresource": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) { d.Spec.Versions[0].Subresources = nil },
			[]string{"v1alpha1: subresource status: true became false"},
		},
		"a column that is gone": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) {
				d.Spec.Versions[0].AdditionalPrinterColumns = d.Spec.Versions[0].AdditionalPrinterColumns[1:]
			},
			[]string{"v1alpha1: column Ready is gone"},
		},
		"a column that is only shown on demand": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) {
				d.Spec.Versions[0].AdditionalPrinterColumns[0].Priority = 1
			},
			[]string{"v1alpha1: column Ready: priority 0 became 1"},
		},
		"a version that is gone": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) { d.Spec.Versions[0].Name = "v1" },
			[]string{"v1alpha1: the version is gone"},
		},
		"a version that is no longer served": {
			func(d *apiextensionsv1.CustomResourceDefinition, _ spec) { d.Spec.Versions[0].Served = false },
			[]string{"v1alpha1: the version is no longer served"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before, after := load(t), load(t)
			test.change(after, after.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties)
			if diff := cmp.Diff(test.want, Definitions(before, after)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLastReleaseCountsAndChangesCanBeAccepted(t *testing.T) {
	folder := t.TempDir()
	check := func(want string) {
		t.Helper()
		var out bytes.Buffer
		if err := run(folder, definition, &out); err != nil {
			out.WriteString(err.Error())
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %q, want %q in it", out.String(), want)
		}
	}
	check("nothing is released yet")
	save(t, folder, "v0.10.0.yaml", load(t))
	older := load(t)
	older.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["old"] = schema{Type: "string"}
	save(t, folder, "v0.9.0.yaml", older)
	check("compatible with " + filepath.Join(folder, "v0.10.0.yaml"))
	save(t, folder, "v0.11.0.yaml", older)
	check("v1alpha1.spec.old: the field is gone")
	if err := os.WriteFile(filepath.Join(folder, "accepted.txt"), []byte("v1alpha1.spec.old: the field is gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("compatible with")
}

func edit(s map[string]schema, field string, change func(*schema)) {
	p := s[field]
	change(&p)
	s[field] = p
}

func load(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	d, err := read(definition)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func save(t *testing.T, folder, name string, d *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	raw, err := yaml.Marshal(d)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
