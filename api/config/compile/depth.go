package compile

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
