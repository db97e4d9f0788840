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

// checkCycles refuses a schema that judges a value by itself without getting
// any deeper into the value: validating would never end, and end the process.
func (g *schemaGraph) checkCycles() error { return g.walk(g.root, "#") }

func newSchemaGraph(raw json.RawMessage) (*schemaGraph, error) {
	var root any
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	g := &schemaGraph{root: root, anchors: map[string]map[string]any{}, state: map[string]int{}, quoted: map[string]int{}}
	g.findAnchors(root)
	return g, nil
}

type schemaGraph struct {
	root    any
	anchors map[string]map[string]any
	state   map[string]int // by identity: being visited, or done
	quoted  map[string]int // by identity: see quotes
}

const (
	visiting = iota + 1
	visited
)

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
func (g *schemaGraph) walk(v any, path string) error {
	if object, ok := v.(map[string]any); ok {
		if err := g.visit(object, path); err != nil {
			return err
		}
	}
	var first error
	eachChild(v, func(key string, child any) {
		if first == nil {
			first = g.walk(child, path+"/"+key)
		}
	})
	return first
}

// visit follows what judges the same value.
func (g *schemaGraph) visit(object map[string]any, path string) error {
	id := fmt.Sprintf("%p", object)
	switch g.state[id] {
	case visited:
		return nil
	case visiting:
		return locatedAt(path, fmt.Errorf("refers to itself without getting deeper into the value (at %s)", path))
	}
	g.state[id] = visiting
	for _, keyword := range inPlace {
		if err := g.visitAll(object[keyword], path+"/"+keyword); err != nil {
			return err
		}
	}
	for _, keyword := range []string{"$ref", "$dynamicRef"} {
		ref, ok := object[keyword].(string)
		if !ok {
			continue
		}
		target, err := g.resolve(ref)
		if err != nil {
			return locatedAt(path+"/"+keyword, err)
		}
		if err := g.visit(target, path+"/"+keyword); err != nil {
			return err
		}
	}
	g.state[id] = visited
	return nil
}

// visitAll visits a schema, or the schemas of a list or of a map of them.
func (g *schemaGraph) visitAll(v any, path string) error {
	if object, ok := v.(map[string]any); ok && !strings.HasSuffix(path, "/dependentSchemas") {
		return g.visit(object, path)
	}
	var first error
	eachChild(v, func(key string, child any) {
		if object, ok := child.(map[string]any); ok && first == nil {
			first = g.visit(object, path+"/"+key)
		}
	})
	return first
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
