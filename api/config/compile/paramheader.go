package compile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ParamHeader is an argument that clients repeat in a header, Mcp-Param- and
// Name: the keyword x-mcp-header of MCP 2026-07-28.
type ParamHeader struct {
	Name string
	// Path leads to the argument, a property's name for each step.
	Path []string
	// Type is string, integer or boolean.
	Type string
}

const headerKeyword = "x-mcp-header"

// headerTypes are what an argument in a header may be. A number may not: it has
// many spellings.
var headerTypes = []string{"string", "integer", "boolean"}

// ParamHeaders returns the arguments that clients repeat in headers, in the order
// of the headers' names.
func (s *Schema) ParamHeaders() []ParamHeader { return s.headers }

// findHeaders returns what x-mcp-header says in the schema. A keyword that
// clients could not follow is an error: they would leave the tool out.
func findHeaders(root map[string]any) ([]ParamHeader, error) {
	f := headerFinder{byName: map[string]ParamHeader{}}
	if err := f.walk(root, nil, true); err != nil {
		return nil, err
	}
	headers := slices.Collect(maps.Values(f.byName))
	slices.SortFunc(headers, func(a, b ParamHeader) int { return strings.Compare(a.Name, b.Name) })
	return headers, nil
}

type headerFinder struct {
	byName map[string]ParamHeader // by the name in lower case
}

// walk visits a schema. Reachable are those that properties alone lead to.
func (f *headerFinder) walk(schema any, path []string, reachable bool) error {
	object, ok := schema.(map[string]any)
	if !ok {
		return nil // a boolean
	}
	for _, keyword := range slices.Sorted(maps.Keys(object)) {
		value := object[keyword]
		if keyword == headerKeyword {
			if err := f.add(object, path, reachable); err != nil {
				return fmt.Errorf("%s at %s: %w", headerKeyword, place(path), err)
			}
			continue
		}
		if err := f.walkAll(keyword, value, path, reachable); err != nil {
			return err
		}
	}
	return nil
}

// walkAll visits the schemas that the value of a keyword has, in an order that
// does not change.
func (f *headerFinder) walkAll(keyword string, value any, path []string, reachable bool) error {
	byName, named := value.(map[string]any)
	list, _ := value.([]any)
	switch {
	case !slices.Contains(subschemas, keyword) && !slices.Contains(namedSubschemas, keyword):
		return nil
	case keyword != "properties":
		path, reachable = append(slices.Clone(path), keyword), false
	}
	if named && !slices.Contains(namedSubschemas, keyword) {
		return f.walk(value, path, false)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := f.walk(byName[name], append(slices.Clone(path), name), reachable); err != nil {
			return err
		}
	}
	for _, schema := range list {
		if err := f.walk(schema, path, false); err != nil {
			return err
		}
	}
	return nil
}

func (f *headerFinder) add(schema map[string]any, path []string, reachable bool) error {
	name, _ := schema[headerKeyword].(string)
	kind, _ := schema["type"].(string)
	switch {
	case !reachable || len(path) == 0:
		return errors.New("want it on an argument: on a property of the root, or of a property's properties")
	case !isToken(name):
		return fmt.Errorf("%v is no header name; want letters, digits and any of !#$%%&'*+-.^_`|~", schema[headerKeyword])
	case !slices.Contains(headerTypes, kind):
		return fmt.Errorf("the type is %v; want string, integer or boolean", schema["type"])
	}
	lower := strings.ToLower(name)
	if other, taken := f.byName[lower]; taken {
		return fmt.Errorf("%q is also on %s; want a name for each", name, place(other.Path))
	}
	f.byName[lower] = ParamHeader{Name: name, Path: path, Type: kind}
	return nil
}

func place(path []string) string {
	if len(path) == 0 {
		return "the root"
	}
	return strings.Join(path, ".")
}

// isToken tells whether s is a token (RFC 9110 section 5.6.2), as header names
// are.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

// subschemas are the keywords whose value is a schema or a list of them, and
// namedSubschemas those whose value has schemas by name.
var (
	subschemas = []string{
		"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "items", "prefixItems", "additionalItems", "unevaluatedItems",
		"contains", "additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema",
	}
	namedSubschemas = []string{"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"}
)
