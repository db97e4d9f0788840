package compile

import (
	"maps"
	"slices"
	"strings"
)

// subschemas are the keywords whose value is a schema or a list of them, and
// namedSubschemas those whose value has schemas by name.
var (
	subschemas = []string{
		"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "items", "prefixItems", "additionalItems", "unevaluatedItems",
		"contains", "additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema",
	}
	namedSubschemas = []string{"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"}
)

// position is where a schema stands in its document.
type position struct {
	// path leads there: keywords and names, but for "properties", which stands
	// between all that a person thinks of.
	path []string
	// argument tells that properties alone lead there: the schema is that of an
	// argument, or of a part of one.
	argument bool
}

func (p position) String() string {
	if len(p.path) == 0 {
		return "the root"
	}
	return strings.Join(p.path, ".")
}

func (p position) below(argument bool, steps ...string) position {
	return position{append(slices.Clone(p.path), steps...), p.argument && argument}
}

// walk visits a schema and all that are inside, in an order that does not
// change, until visit returns an error. Schemas that are booleans are left out.
func walk(schema any, at position, visit func(map[string]any, position) error) error {
	object, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if err := visit(object, at); err != nil {
		return err
	}
	for _, keyword := range slices.Sorted(maps.Keys(object)) {
		var err error
		switch {
		case slices.Contains(namedSubschemas, keyword):
			err = walkNamed(object[keyword], keyword, at, visit)
		case slices.Contains(subschemas, keyword):
			err = walkAll(object[keyword], at.below(false, keyword), visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func walkNamed(value any, keyword string, at position, visit func(map[string]any, position) error) error {
	if keyword != "properties" {
		at = at.below(false, keyword)
	}
	byName, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := walk(byName[name], at.below(true, name), visit); err != nil {
			return err
		}
	}
	return nil
}

func walkAll(value any, at position, visit func(map[string]any, position) error) error {
	list, ok := value.([]any)
	if !ok {
		return walk(value, at, visit)
	}
	for _, schema := range list {
		if err := walk(schema, at, visit); err != nil {
			return err
		}
	}
	return nil
}
