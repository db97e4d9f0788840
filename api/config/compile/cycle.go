package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// inPlace are the keywords whose schemas judge the same value as the schema they
// stand in.
var inPlace = []string{"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"}

// maxChain bounds how many schemas judge one value one inside the other, references
// included: who follows them remembers the way.
const maxChain = 128

// checkCycles refuses a schema that judges a value by itself without getting
// any deeper into the value: validating would never end, and end the process. So does
// a chain that is too long to follow.
func (g *schemaGraph) checkCycles() error { return g.walk(g.root, &place{key: "#"}) }

// place is where a schema stands. Its text is made of it where something is wrong
// there: the names on the way may be long, and a text for each step takes the square
// of that.
type place struct {
	above *place
	key   string
}

func (p *place) below(key string) *place { return &place{p, key} }

func (p *place) String() string {
	var keys []string
	for ; p != nil; p = p.above {
		keys = append(keys, p.key)
	}
	slices.Reverse(keys)
	return strings.Join(keys, "/")
}

func newSchemaGraph(raw json.RawMessage) (*schemaGraph, error) {
	var root any
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	g := &schemaGraph{root: root, anchors: map[string]map[string]any{}, chain: map[string]int{}, quoted: map[string]int{}}
	g.findAnchors(root)
	return g, nil
}

type schemaGraph struct {
	root    any
	anchors map[string]map[string]any
	chain   map[string]int // by identity: see visit; visiting until that is known
	quoted  map[string]int // by identity: see quotes
}

const visiting = -1

func (g *schemaGraph) findAnchors(v any) {
	eachChild(v, func(_ string, child any) { g.findAnchors(child) })
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for _, keyword := range []string{"$anchor", "$dynamicAnchor"} {
		if name, ok := object[keyword].(string); ok {
			g.anchors[name] = object
		}
	}
}

// walk visits every schema of the document.
func (g *schemaGraph) walk(v any, at *place) error {
	if object, ok := v.(map[string]any); ok {
		if _, err := g.visit(object, at, 0); err != nil {
			return err
		}
	}
	var first error
	eachChild(v, func(key string, child any) {
		if first == nil {
			first = g.walk(child, at.below(key))
		}
	})
	return first
}

// visit follows what judges the same value, behind so many schemas that do, and
// returns how many there are from here on.
func (g *schemaGraph) visit(object map[string]any, at *place, behind int) (chain int, err error) {
	id := fmt.Sprintf("%p", object)
	switch known := g.chain[id]; {
	case known == visiting:
		return 0, locatedAt(at.String(), fmt.Errorf("refers to itself without getting deeper into the value (at %s)", at))
	case known > 0:
		return known, nil
	case behind >= maxChain:
		return 0, errLongChain
	}
	g.chain[id] = visiting
	for _, keyword := range inPlace {
		longest, err := g.visitAll(object[keyword], keyword, at.below(keyword), behind+1)
		if err != nil {
			return 0, err
		}
		chain = max(chain, longest)
	}
	for _, keyword := range []string{"$ref", "$dynamicRef"} {
		longest, err := g.visitReference(object[keyword], at.below(keyword), behind+1)
		if err != nil {
			return 0, err
		}
		chain = max(chain, longest)
	}
	if chain++; chain > maxChain {
		return 0, errLongChain
	}
	g.chain[id] = chain
	return chain, nil
}

var errLongChain = fmt.Errorf("has more than %d schemas that judge one value one inside the other, or by reference", maxChain)

func (g *schemaGraph) visitReference(v any, at *place, behind int) (int, error) {
	ref, ok := v.(string)
	if !ok {
		return 0, nil
	}
	target, err := g.resolve(ref)
	if err != nil {
		return 0, locatedAt(at.String(), err)
	}
	return g.visit(target, at, behind)
}

// visitAll visits a schema, or the schemas of a list or of a map of them.
func (g *schemaGraph) visitAll(v any, keyword string, at *place, behind int) (longest int, first error) {
	if object, ok := v.(map[string]any); ok && keyword != "dependentSchemas" {
		return g.visit(object, at, behind)
	}
	eachChild(v, func(key string, child any) {
		if object, ok := child.(map[string]any); ok && first == nil {
			var chain int
			chain, first = g.visit(object, at.below(key), behind)
			longest = max(longest, chain)
		}
	})
	return longest, first
}

// resolve finds what "#", "#/a/b" or "#name" refers to.
func (g *schemaGraph) resolve(ref string) (map[string]any, error) {
	fragment, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, fmt.Errorf("$ref is %q; want a reference inside the schema, one that begins with #", ref)
	}
	if fragment != "" && !strings.HasPrefix(fragment, "/") {
		if target := g.anchors[fragment]; target != nil {
			return target, nil
		}
		return nil, fmt.Errorf("$ref is %q; there is no such anchor", ref)
	}
	v, err := g.root, error(nil)
	for token := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if fragment == "" {
			break
		}
		if token, err = url.PathUnescape(token); err != nil {
			return nil, fmt.Errorf("$ref is %q: %w", ref, err)
		}
		v = child(v, strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
	}
	if target, ok := v.(map[string]any); ok {
		return target, nil
	}
	if _, ok := v.(bool); ok {
		return map[string]any{}, nil
	}
	return nil, errors.New("$ref " + ref + " leads to no schema")
}

func child(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[key]
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(v) && strconv.Itoa(i) == key {
			return v[i]
		}
	}
	return nil
}

// eachChild has an order that does not change: which of several mistakes is told
// must not, since it ends up in the status of objects.
func eachChild(v any, f func(key string, child any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			f(key, v[key])
		}
	case []any:
		for i, child := range v {
			f(fmt.Sprint(i), child)
		}
	}
}
