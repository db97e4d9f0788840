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
}

// NewSchema compiles a JSON Schema 2020-12 whose root type is object. It never
// fetches anything: a reference that leaves the document is an error.
func NewSchema(raw json.RawMessage) (*Schema, error) {
	root := new(jsonschema.Schema)
	if err := json.Unmarshal(raw, root); err != nil {
		return nil, fmt.Errorf("is not a JSON Schema: %w", err)
	}
	if root.Schema != "" && strings.TrimSuffix(root.Schema, "#") != draft202012 {
		return nil, fmt.Errorf("$schema is %q; want %q or nothing", root.Schema, draft202012)
	}
	if root.Type != "object" {
		return nil, fmt.Errorf(`root type is %q; want "object"`, root.Type)
	}
	resolved, err := root.Resolve(&jsonschema.ResolveOptions{Loader: nil})
	if err != nil {
		return nil, fmt.Errorf("does not compile (references must stay inside the schema): %w", err)
	}
	return &Schema{resolved: resolved, root: root}, nil
}

// Properties returns the names of the root properties, sorted.
func (s *Schema) Properties() []string {
	return slices.Sorted(maps.Keys(s.root.Properties))
}

// Required returns the names of the root properties that must be present.
func (s *Schema) Required() []string { return s.root.Required }

// Arguments decodes and validates the arguments of a call. Nothing stands for
// the empty object. Numbers are kept as json.Number, so that what was validated
// can be sent on digit for digit. An error's text is meant for the caller and
// may quote its arguments; it must not be logged.
func (s *Schema) Arguments(raw json.RawMessage) (map[string]any, error) {
	args, err := decodeArguments(raw)
	if err != nil {
		return nil, err
	}
	if err := s.resolved.Validate(args); err != nil {
		return nil, err
	}
	return args, nil
}

func decodeArguments(raw json.RawMessage) (map[string]any, error) {
	args := map[string]any{}
	if len(raw) == 0 || string(raw) == "null" {
		return args, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&args); err != nil {
		return nil, errors.New("arguments are not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("arguments are followed by other data")
	}
	if err := checkNumbers(args); err != nil {
		return nil, err
	}
	return args, nil
}

// checkNumbers bounds numeric literals: validation computes with exact
// rationals, and "1e999999" costs nine bytes to send and megabits to hold.
func checkNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		return checkNumber(string(v))
	case []any:
		for _, e := range v {
			if err := checkNumbers(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := checkNumbers(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNumber(s string) error {
	const maxLiteral, maxExponentDigits = 64, 3
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(strings.TrimLeft(s[i+1:], "+-0")) > maxExponentDigits {
		return errors.New("a number's exponent has more than 3 digits")
	}
	if len(s) > maxLiteral {
		return errors.New("a number has more than 64 characters")
	}
	return nil
}
