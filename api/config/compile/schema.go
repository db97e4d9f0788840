package compile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

const draft202012 = "https://json-schema.org/draft/2020-12/schema"

// Schema is a compiled input schema of a tool.
type Schema struct {
	resolved *jsonschema.Resolved
	root     *jsonschema.Schema
	headers  []ParamHeader
	// quotes is how many errors that quote it the validator may keep of one value.
	quotes int
	// unique tells that items of arrays may have to be compared with each other.
	unique bool
}

// NewSchema compiles a JSON Schema 2020-12 whose root type is object. It never
// fetches anything: a reference that leaves the document is an error.
func NewSchema(raw json.RawMessage) (*Schema, error) {
	if deep := Depth(raw); deep > maxDepth {
		return nil, fmt.Errorf("is nested %d deep; at most %d are allowed", deep, maxDepth)
	}
	if err := checkWays(raw); err != nil {
		return nil, err
	}
	root := new(jsonschema.Schema)
	if err := json.Unmarshal(raw, root); err != nil {
		return nil, fmt.Errorf("is not a JSON Schema: %w", misshapen(raw, err))
	}
	if err := checkNames(raw); err != nil {
		return nil, err
	}
	if root.Schema != "" && strings.TrimSuffix(root.Schema, "#") != draft202012 {
		return nil, located{".$schema", fmt.Errorf("$schema is %q; want %q or nothing", root.Schema, draft202012)}
	}
	// The library that validates knows keywords in any case, clients do not.
	var exact map[string]any
	if err := json.Unmarshal(raw, &exact); err != nil || root.Type != "object" || exact["type"] != "object" {
		return nil, located{".type", fmt.Errorf(`root type is %q; want "object"`, root.Type)}
	}
	if err := checkPatterns(exact); err != nil {
		return nil, err
	}
	if err := checkKeywords(exact); err != nil {
		return nil, err
	}
	graph, err := newSchemaGraph(raw)
	if err != nil {
		return nil, err
	}
	if err := graph.checkCycles(); err != nil {
		return nil, err
	}
	resolved, err := root.Resolve(&jsonschema.ResolveOptions{Loader: nil})
	if err != nil {
		return nil, fmt.Errorf("does not compile: %w", err)
	}
	headers, err := findHeaders(exact)
	if err != nil {
		return nil, err
	}
	return &Schema{resolved: resolved, root: root, headers: headers, quotes: graph.quotes(graph.root), unique: wantsUnique(exact)}, nil
}

// maxDepth bounds how deep a schema is nested, a property of a property counting
// twice. What goes through a schema remembers the way, and takes the square of the
// depth: 4000 took 200 MB.
const maxDepth = 128

// Properties returns the names of the root properties, sorted.
func (s *Schema) Properties() []string {
	return slices.Sorted(maps.Keys(s.root.Properties))
}

// Required returns the names of the root properties that must be present.
func (s *Schema) Required() []string { return s.root.Required }

// typeOf returns the type of a root property, "" where it is not one alone.
func (s *Schema) typeOf(property string) string {
	if p := s.root.Properties[property]; p != nil {
		return p.Type
	}
	return ""
}

// Arguments decodes and validates the arguments of a call. Nothing stands for
// the empty object. Numbers are kept as json.Number, so that what was validated
// can be sent on digit for digit. An error's text is meant for the caller and
// may quote its arguments; it must not be logged.
func (s *Schema) Arguments(raw json.RawMessage) (map[string]any, error) {
	args, err := decodeArguments(raw)
	if err != nil {
		return nil, err
	}
	instance, longest, err := instance(args)
	if err != nil {
		return nil, err
	}
	if s.quotes > 1 && longest > maxQuoted/s.quotes {
		return nil, fmt.Errorf("a string of %d bytes, or as many of names of one object, are too many for a schema with %d alternatives that say what it may be; want at most %d",
			longest, s.quotes, maxQuoted/s.quotes)
	}
	if s.unique && tooManyAlike(instance) {
		return nil, fmt.Errorf("more than %d items of one array have the same texts after each other, divided in different ways, which takes too long to compare", maxAlike)
	}
	if err := s.resolved.Validate(instance); err != nil {
		return nil, err
	}
	return args, nil
}

func decodeArguments(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	var args map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&args); err != nil {
		return nil, errors.New("arguments are not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("arguments are followed by other data")
	}
	if args == nil { // null stands for no arguments
		args = map[string]any{}
	}
	return args, nil
}
