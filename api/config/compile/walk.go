package compile

import (
	"fmt"
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
	// full leads there, too, with nothing left out: ".properties.a.allOf[0]".
	full string
}

func (p position) String() string {
	if len(p.path) == 0 {
		return "the root"
	}
	return strings.Join(p.path, ".")
}

// below is the position of the schema that the keyword has as its value.
func (p position) below(keyword string) position {
	return position{path: append(slices.Clone(p.path), keyword), full: p.full + "." + keyword}
}

// named is the position of one of the schemas that the keyword has by name.
func (p position) named(keyword, name string) position {
	at := position{path: slices.Clone(p.path), full: p.full + "." + keyword + "." + name}
	if keyword == "properties" {
		at.argument = p.argument
	} else {
		at.path = append(at.path, keyword)
	}
	at.path = append(at.path, name)
	return at
}

// element is the position of one of the schemas of a list.
func (p position) element(i int) position {
	p.full += fmt.Sprintf("[%d]", i)
	return p
}

// of locates err at a keyword of the schema at p.
func (p position) of(keyword string, err error) error {
	return located{p.full + "." + keyword, err}
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
			err = walkAll(object[keyword], at.below(keyword), visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func walkNamed(value any, keyword string, at position, visit func(map[string]any, position) error) error {
	byName, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := walk(byName[name], at.named(keyword, name), visit); err != nil {
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
	for i, schema := range list {
		if err := walk(schema, at.element(i), visit); err != nil {
			return err
		}
	}
	return nil
}
