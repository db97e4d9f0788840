package compile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// types are those that JSON Schema 2020-12 has (section 7.6.1 of the core
// specification).
var types = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// checkKeywords refuses what the library that validates would take for a schema
// that no value fits, or says in words of its own.
func checkKeywords(root map[string]any) error {
	return walk(root, position{argument: true}, func(schema map[string]any, at position) error {
		if err := checkType(schema["type"]); err != nil {
			return fmt.Errorf("the type of %s is %w", at, err)
		}
		if pattern, ok := schema["pattern"].(string); ok {
			if _, err := regexp.Compile(pattern); err != nil {
				return fmt.Errorf("the pattern of %s: %w", at, err)
			}
		}
		return nil
	})
}

func checkType(value any) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, one := range list {
		if name, ok := one.(string); ok && !slices.Contains(types, name) {
			return fmt.Errorf("%q; want %s or a list of these", name, strings.Join(types, ", "))
		}
	}
	return nil
}
