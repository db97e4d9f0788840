package compile

import (
	"encoding/json"
	"fmt"
)

// maxWays bounds the names on the ways to all objects of a schema, together. What
// compiles a schema keeps the way to each: 20,000 properties below one with a name of
// 100 kB took gigabytes.
const maxWays = 16 << 20

func checkWays(raw json.RawMessage) error {
	var root any
	if json.Unmarshal(raw, &root) != nil {
		return nil // which is told of elsewhere
	}
	if waysBelow(root, 0) > maxWays {
		return fmt.Errorf("has too many schemas below long names: the ways to all of them come to more than %d MiB", maxWays>>20)
	}
	return nil
}

func waysBelow(v any, way int) (total int) {
	eachChild(v, func(key string, child any) {
		switch child.(type) {
		case map[string]any, []any, bool:
			below := way + len(key) + 1
			total += below + waysBelow(child, below)
		}
	})
	return total
}

// Depth returns how deep arrays and objects are nested in JSON. For what is no
// JSON it returns some bound on what a decoder might make of it.
func Depth(body []byte) int {
	deepest, level := 0, 0
	inString := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			level++
			deepest = max(deepest, level)
		case c == ']' || c == '}':
			level = max(level-1, 0)
		}
	}
	return deepest
}
