package manifest

import (
	"fmt"
	"strings"

	"github.com/securedmcp/operator/api/v1alpha1"
)

var wantedVersion = v1alpha1.GroupVersion.String()

// choose returns the SecuredMCPServer among documents, the one called name if
// there is a name.
func choose(src Source, documents []*document, name string) (*document, error) {
	candidates, err := candidates(documents)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return chooseNamed(src, candidates, name)
	}
	switch len(candidates) {
	case 1:
		return candidates[0], nil
	case 0:
		return nil, Problems{noServer(src, documents)}
	default:
		return nil, Problems{{File: src.Name, Detail: "holds several SecuredMCPServers; choose one with --name: " + names(candidates)}}
	}
}

// candidates are the documents of our kind. One of another API version is a
// problem rather than a stranger.
func candidates(documents []*document) ([]*document, error) {
	var found []*document
	for _, d := range documents {
		group, _, _ := strings.Cut(d.text("apiVersion"), "/")
		if d.text("kind") != v1alpha1.Kind || group != v1alpha1.Group {
			continue
		}
		if version := d.text("apiVersion"); version != wantedVersion {
			return nil, Problems{d.problem("apiVersion", fmt.Sprintf("%q is not supported; supported: %s", version, wantedVersion))}
		}
		found = append(found, d)
	}
	return found, nil
}

// noServer says why there is none, at the document that was meant to be one.
func noServer(src Source, documents []*document) Problem {
	if len(documents) == 0 {
		return Problem{File: src.Name, Detail: "holds nothing; want a SecuredMCPServer"}
	}
	for _, d := range documents {
		group, _, _ := strings.Cut(d.text("apiVersion"), "/")
		switch kind := d.text("kind"); {
		case kind == v1alpha1.Kind && group == "":
			return d.problem("apiVersion", missing(d.object, "apiVersion")+"want "+wantedVersion)
		case group == v1alpha1.Group && kind == "":
			return d.problem("kind", missing(d.object, "kind")+"want "+v1alpha1.Kind)
		case group == v1alpha1.Group && nearest(kind, []string{v1alpha1.Kind}) != "":
			return d.problem("kind", fmt.Sprintf("%q is not a kind of %s; did you mean %s?", kind, group, v1alpha1.Kind))
		case kind == v1alpha1.Kind && nearest(group, []string{v1alpha1.Group}) != "":
			return d.problem("apiVersion", fmt.Sprintf("%q is not supported; did you mean %s?", d.text("apiVersion"), wantedVersion))
		}
	}
	return Problem{File: src.Name, Detail: "holds no SecuredMCPServer; it holds " + kinds(documents)}
}

// missing tells a member that is not there from one that is no string.
func missing(object map[string]any, member string) string {
	if _, there := object[member]; there {
		return ""
	}
	return "is required; "
}

func chooseNamed(src Source, candidates []*document, name string) (*document, error) {
	for _, d := range candidates {
		if d.name() == name {
			return d, nil
		}
	}
	return nil, Problems{{File: src.Name, Detail: fmt.Sprintf("holds no SecuredMCPServer called %q; it holds: %s", name, names(candidates))}}
}

func (d *document) text(member string) string {
	value, _ := d.object[member].(string)
	return value
}

func (d *document) name() string {
	metadata, _ := d.object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

func names(documents []*document) string {
	var list []string
	for _, d := range documents {
		list = append(list, d.name())
	}
	return orNone(strings.Join(list, ", "))
}

func kinds(documents []*document) string {
	var list []string
	for _, d := range documents {
		list = append(list, fmt.Sprintf("%s (%s)", orNone(d.text("kind")), orNone(d.text("apiVersion"))))
	}
	return orNone(strings.Join(list, ", "))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
