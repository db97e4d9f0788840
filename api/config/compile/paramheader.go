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
	err := walk(root, position{argument: true}, func(schema map[string]any, at position) error {
		if _, ok := schema[headerKeyword]; !ok {
			return nil
		}
		if err := f.add(schema, at); err != nil {
			return at.of(headerKeyword, fmt.Errorf("%s at %s: %w", headerKeyword, at, err))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	headers := slices.Collect(maps.Values(f.byName))
	slices.SortFunc(headers, func(a, b ParamHeader) int { return strings.Compare(a.Name, b.Name) })
	return headers, nil
}

type headerFinder struct {
	byName map[string]ParamHeader // by the name in lower case
}

func (f *headerFinder) add(schema map[string]any, at position) error {
	name, _ := schema[headerKeyword].(string)
	kind, _ := schema["type"].(string)
	switch {
	case !at.argument || len(at.path) == 0:
		return errors.New("want it on an argument: on a property of the root, or of a property's properties")
	case !isToken(name):
		return fmt.Errorf("%v is no header name; want letters, digits and any of !#$%%&'*+-.^_`|~", schema[headerKeyword])
	case !slices.Contains(headerTypes, kind):
		return fmt.Errorf("the type is %v; want string, integer or boolean", schema["type"])
	}
	lower := strings.ToLower(name)
	if other, taken := f.byName[lower]; taken {
		return fmt.Errorf("%q is also on %s; want a name for each", name, position{path: other.Path})
	}
	f.byName[lower] = ParamHeader{Name: name, Path: at.path, Type: kind}
	return nil
}

// isToken tells whether s is a token (RFC 9110 section 5.6.2), as header names
// are.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}
