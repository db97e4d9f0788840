package compile

import (
	"fmt"
	"regexp/syntax"
	"strings"
)

// maxPatternSize bounds the regular expressions of a schema, or of an expression, in
// the instructions that they are compiled to. One takes 140 bytes, and a repetition
// makes a thousand of it of seven bytes of text.
const maxPatternSize = 20_000

// patternSize is about how many instructions a regular expression is compiled to, 0
// for what is none: others say so.
func patternSize(pattern string) int {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	return nodeSize(re)
}

// nodeSize does not overflow: a pattern repeats nothing more often than 1000 times,
// repetitions in repetitions included.
func nodeSize(re *syntax.Regexp) int {
	size := 0
	for _, sub := range re.Sub {
		size += nodeSize(sub)
	}
	switch re.Op { //nolint:exhaustive // the others are one instruction beside what is in them
	case syntax.OpLiteral:
		size += len(re.Rune)
	case syntax.OpRepeat:
		size = size*max(re.Min, re.Max) + 1
	default:
		size++
	}
	return size
}

// checkPatterns comes before anything is compiled. It goes through everything in the
// schema, since the library that validates knows keywords in any case.
func checkPatterns(v any) error {
	if size := patternsSize(v); size > maxPatternSize {
		return fmt.Errorf("the regular expressions in it come to %d instructions; at most %d are allowed: repeat less in them", size, maxPatternSize)
	}
	return nil
}

func patternsSize(v any) int {
	size := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			size += patternsSize(e)
		}
	case map[string]any:
		for name, e := range v {
			size += patternsSize(e)
			if pattern, ok := e.(string); ok && strings.EqualFold(name, "pattern") {
				size += patternSize(pattern)
			}
			if byPattern, ok := e.(map[string]any); ok && strings.EqualFold(name, "patternProperties") {
				for pattern := range byPattern {
					size += patternSize(pattern)
				}
			}
		}
	}
	return size
}
