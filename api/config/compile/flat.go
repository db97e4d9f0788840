package compile

import (
	"encoding/json"
	"slices"
	"strconv"
)

// flat is a schema that asks for no more than texts, truth values and whole
// numbers under some names, as those of most tools do. To go through the general
// validator takes longer than all else that is done about a call here.
type flat struct {
	types    map[string]string
	required []string
	closed   bool // no other names
}

// keywords that a flat schema, and a property of one, may have: those that
// constrain nothing, and the few that admits knows.
var (
	flatKeywords     = []string{"$schema", "$comment", "title", "description", "type", "properties", "required", "additionalProperties"}
	propertyKeywords = []string{"$comment", "title", "description", "examples", "x-mcp-header", "type"}
	flatTypes        = []string{"string", "boolean", "integer"}
)

// newFlat returns nil for a schema that is not flat.
func newFlat(schema map[string]any, required []string) *flat {
	open, ok := schema["additionalProperties"].(bool)
	if _, there := schema["additionalProperties"]; there != ok || !onlyKeys(schema, flatKeywords) {
		return nil
	}
	f := &flat{types: map[string]string{}, required: required, closed: ok && !open}
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		keywords, _ := property.(map[string]any)
		kind, _ := keywords["type"].(string)
		if !slices.Contains(flatTypes, kind) || !onlyKeys(keywords, propertyKeywords) {
			return nil
		}
		f.types[name] = kind
	}
	return f
}

func onlyKeys(m map[string]any, allowed []string) bool {
	for name := range m {
		if !slices.Contains(allowed, name) {
			return false
		}
	}
	return true
}

// admits tells whether the arguments certainly fit. Of others the general
// validator says what is wrong, or that nothing is.
func (f *flat) admits(args map[string]any) bool {
	if f == nil {
		return false
	}
	for name, value := range args {
		kind, known := f.types[name]
		if got := flatTypeOf(value); got == "" || known && got != kind || !known && f.closed {
			return false
		}
	}
	for _, name := range f.required {
		if _, ok := args[name]; !ok {
			return false
		}
	}
	return true
}

func flatTypeOf(value any) string {
	switch value := value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if _, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return "integer"
		}
	}
	return ""
}
