package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// duplicates finds keys that a mapping holds twice. Most parsers keep the last
// one without a word.
func (d *document) duplicates(r *report) { walk(r, d.root, "") }

func walk(r *report, node *yaml.Node, path string) {
	switch node.Kind {
	case yaml.MappingNode:
		walkMapping(r, node, path)
	case yaml.SequenceNode:
		for i, item := range node.Content {
			walk(r, item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

func walkMapping(r *report, node *yaml.Node, path string) {
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		field := strings.TrimPrefix(path+"."+key.Value, ".")
		if line, seen := first[key.Value]; seen {
			r.addAt(key, field, fmt.Sprintf("appears twice; the first is in line %d", line))
			continue
		}
		first[key.Value] = r.line + key.Line
		walk(r, node.Content[i+1], field)
	}
}
