package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// types are those that JSON Schema 2020-12 has (section 7.6.1 of the core
// specification).
var types = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// checkKeywords refuses what the library that validates would take for a schema
// that no value fits, or says in words of its own.
func checkKeywords(root map[string]any) error {
	return walk(root, position{argument: true}, func(schema map[string]any, at position) error {
		if err := checkType(schema["type"]); err != nil {
			return at.of("type", fmt.Errorf("the type of %s is %w", at, err))
		}
		if pattern, ok := schema["pattern"].(string); ok {
			if _, err := regexp.Compile(pattern); err != nil {
				return at.of("pattern", fmt.Errorf("the pattern of %s: %w", at, err))
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

// misshapen says which keyword is the cause of err, which came of decoding raw:
// the innermost one that does not decode on its own either.
func misshapen(raw json.RawMessage, err error) error {
	var root any
	if json.Unmarshal(raw, &root) != nil {
		return err // it is no JSON at all
	}
	if _, ok := root.(map[string]any); !ok {
		return errors.New("want a JSON object")
	}
	depth := -1
	_ = walk(root, position{}, func(schema map[string]any, at position) error {
		for _, keyword := range slices.Sorted(maps.Keys(schema)) {
			if problem := checkAlone(keyword, schema[keyword]); problem != nil && len(at.path) > depth {
				err, depth = at.of(keyword, fmt.Errorf("%s of %s: %w", keyword, at, problem)), len(at.path)
			}
		}
		return nil
	})
	return err
}

// checkAlone says what is wrong with a keyword, leaving schemas inside of it to
// their own turn: to decode them once more at each depth would take the square of
// the time.
func checkAlone(keyword string, value any) error {
	switch {
	case slices.Contains(namedSubschemas, keyword):
		byName, ok := value.(map[string]any)
		for _, schema := range byName {
			_, isList := schema.([]any) // what depends on a property
			ok = ok && (isSchema(schema) || isList && keyword == "dependencies")
		}
		return unless(ok, "want schemas by name")
	case slices.Contains(listedSubschemas, keyword):
		list, ok := value.([]any)
		return unless(ok && !slices.ContainsFunc(list, isNoSchema), "want a list of schemas")
	case slices.Contains(subschemas, keyword):
		list, isList := value.([]any) // which items may be
		return unless(isSchema(value) || isList && !slices.ContainsFunc(list, isNoSchema), "want a schema")
	}
	return decodeAlone(keyword, value)
}

// listedSubschemas are those of subschemas whose value is a list.
var listedSubschemas = []string{"allOf", "anyOf", "oneOf", "prefixItems"}

func isSchema(value any) bool {
	switch value.(type) {
	case map[string]any, bool:
		return true
	}
	return false
}

func isNoSchema(value any) bool { return !isSchema(value) }

func unless(ok bool, problem string) error {
	if ok {
		return nil
	}
	return errors.New(problem)
}

// counts are the keywords whose value is a number of things.
var counts = []string{"maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties"}

// decodeAlone says what is wrong with a keyword without names of Go.
func decodeAlone(keyword string, value any) error {
	raw, err := json.Marshal(map[string]any{keyword: value})
	if err != nil {
		return err
	}
	err = json.Unmarshal(raw, new(jsonschema.Schema))
	if err != nil && slices.Contains(counts, keyword) {
		return errors.New("want a whole number")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("is or holds a JSON %s, which is not allowed there", wrong.Value)
	}
	return err
}
