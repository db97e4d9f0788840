package compile

import (
	"fmt"
	"strings"
)

// maxQuoted bounds what the validator quotes of one string, or of the names of one
// object, in all the errors that it keeps: with a few copies of it, all of it is in
// memory at once.
const maxQuoted = 4 << 20

// quotes counts how many errors that quote a whole string, or all names of an object,
// the validator may keep of one value: those of the schemas of an anyOf, and of the
// anyOf in it. Of all else it keeps the first.
func (g *schemaGraph) quotes(v any) int {
	most, own := 0, 0
	schema, _ := v.(map[string]any)
	if schema != nil {
		id := fmt.Sprintf("%p", schema)
		if known, ok := g.quoted[id]; ok {
			return known
		}
		g.quoted[id] = 0 // of itself, inside: that judges a smaller value
		defer func() { g.quoted[id] = max(most, own) }()
	}
	eachChild(v, func(keyword string, child any) {
		switch alternatives, _ := child.([]any); {
		case schema == nil:
			most = max(most, g.quotes(child))
		case strings.EqualFold(keyword, "anyOf") && alternatives != nil:
			sum := 0
			for _, a := range alternatives {
				sum = min(sum+g.quotes(a), maxQuoted)
			}
			most = max(most, sum)
		case isReference(keyword):
			most = max(most, g.quotesOf(child))
		default:
			most = max(most, g.quotes(child))
			if quotesWhole(keyword) {
				own = 1
			}
		}
	})
	return max(most, own)
}

// quotesOf counts those of what a reference leads to, which is in the document.
func (g *schemaGraph) quotesOf(reference any) int {
	ref, _ := reference.(string)
	target, err := g.resolve(ref)
	if err != nil {
		return 0
	}
	return g.quotes(target)
}

func isReference(keyword string) bool {
	return strings.EqualFold(keyword, "$ref") || strings.EqualFold(keyword, "$dynamicRef")
}

// quotesWhole tells whether an error of the keyword has all of a string, or all names.
func quotesWhole(keyword string) bool {
	switch strings.ToLower(keyword) {
	case "pattern", "minlength", "maxlength", "additionalproperties", "unevaluatedproperties":
		return true
	}
	return false
}
