package v1alpha1_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/config/crd"
	"github.com/securedmcp/operator/test/servertest"
)

// rule is a CEL rule of the CustomResourceDefinition: the path of the field that
// its message is about, lists and maps without their keys, and what the message
// begins with.
type rule struct{ path, message string }

var (
	// index is what stands in a message's path for an entry of a list or of a map.
	index = regexp.MustCompile(`\[[^\]]*\]`)
	// literal is the text that an expression for a message begins with.
	literal = regexp.MustCompile(`'([^'%]+)%s`)
)

// A rule that no case breaks is one whose message nobody has read.
func TestEveryRuleHasACaseThatBreaksIt(t *testing.T) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd.SecuredMCPServers, &definition); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, refusal := range servertest.Refused() {
		said = append(said, index.ReplaceAllString(strings.Trim(refusal.Want, "[]"), ""))
	}
	rules := rulesOf(definition.Spec.Versions[0].Schema.OpenAPIV3Schema, "")
	if len(rules) < 60 {
		t.Fatalf("only %d rules were found", len(rules))
	}
	for _, r := range rules {
		if !slices.ContainsFunc(said, r.in) {
			t.Errorf("no case breaks the rule of %q with the message %q", r.path, r.message)
		}
	}
}

func (r rule) in(message string) bool {
	path := cmp.Or(r.path, "<nil>") // how the API server names the whole object
	_, rest, ok := strings.Cut(message, path+": Invalid value: ")
	return ok && strings.Contains(rest, r.message)
}

func rulesOf(schema *apiextensionsv1.JSONSchemaProps, path string) []rule {
	var rules []rule
	for _, r := range schema.XValidations {
		message := r.Message
		if m := literal.FindStringSubmatch(r.MessageExpression); m != nil {
			message = m[1]
		}
		rules = append(rules, rule{path + r.FieldPath, message})
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		rules = append(rules, rulesOf(&property, strings.TrimPrefix(path+"."+name, "."))...)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		rules = append(rules, rulesOf(schema.Items.Schema, path)...)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		rules = append(rules, rulesOf(schema.AdditionalProperties.Schema, path)...)
	}
	return rules
}
