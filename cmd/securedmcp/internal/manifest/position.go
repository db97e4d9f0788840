package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spot is where something was written: its name, if it has one, and its value.
type spot struct {
	key, value *yaml.Node
}

// find descends along path as far as the document goes.
func (d *document) find(path string) spot {
	at := spot{d.root, d.root}
	for path != "" {
		next, rest := step(resolve(at.value), strings.TrimPrefix(path, "."))
		if next.value == nil {
			break
		}
		at, path = next, rest
	}
	return at
}

// step descends one member or element of path.
func step(node *yaml.Node, path string) (spot, string) {
	switch node.Kind {
	case yaml.MappingNode:
		return member(node, path)
	case yaml.SequenceNode:
		value, rest := element(node, path)
		return spot{value, value}, rest
	}
	return spot{}, path
}

// place is that of a scalar, and for a mapping or a list that of its name: the
// first entry of it would be misleading. For what is not there it is the place
// of what surrounds it.
func (d *document) place(path string) *yaml.Node {
	at := d.find(path)
	if at.value.Kind == yaml.ScalarNode {
		return at.value
	}
	return at.key
}

// problem is a Problem at path.
func (d *document) problem(path, detail string) Problem {
	return d.problemAt(d.place(path), path, detail)
}

func (d *document) problemAt(node *yaml.Node, path, detail string) Problem {
	return Problem{File: d.file, Line: d.line + node.Line, Column: node.Column, Field: path, Detail: detail}
}

// member finds the longest key that path starts with: keys may contain dots.
// "[key]" is how paths write the keys of maps such as annotations.
func member(node *yaml.Node, path string) (found spot, rest string) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		k, v := node.Content[i], node.Content[i+1]
		if k.Tag == "!!merge" {
			if merged, after := step(resolve(v), path); merged.value != nil && found.value == nil {
				found, rest = merged, after
			}
			continue
		}
		for _, prefix := range []string{k.Value, "[" + k.Value + "]"} {
			after, ok := strings.CutPrefix(path, prefix)
			if ok && endsStep(after) && (found.value == nil || len(after) < len(rest)) {
				found, rest = spot{k, v}, after
			}
		}
	}
	return found, rest
}

func endsStep(rest string) bool {
	return rest == "" || rest[0] == '.' || rest[0] == '['
}

// element finds the element that "[2]" at the start of path names.
func element(node *yaml.Node, path string) (*yaml.Node, string) {
	index, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
	i, err := strconv.Atoi(index)
	if !ok || err != nil || i < 0 || i >= len(node.Content) {
		return nil, path
	}
	return node.Content[i], rest
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}
