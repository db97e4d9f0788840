package compile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// checkNames refuses JSON in which an object has a name twice: decoders disagree
// about which of the two counts.
func checkNames(raw json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	// One for each array and object that is open; nil for an array.
	var open []map[string]bool
	named := false // whether a name has been read whose value is to come
	for {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("is not JSON: %w", err)
		}
		top := len(open) - 1
		switch name, isString := token.(string); {
		case token == json.Delim('{'):
			open, named = append(open, map[string]bool{}), false
		case token == json.Delim('['):
			open, named = append(open, nil), false
		case token == json.Delim('}') || token == json.Delim(']'):
			open, named = open[:top], false
		case isString && top >= 0 && open[top] != nil && !named:
			if open[top][name] {
				return fmt.Errorf("has the name %q twice in one object", name)
			}
			open[top][name], named = true, true
		default:
			named = false
		}
	}
}
