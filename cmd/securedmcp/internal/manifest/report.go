package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// report collects the problems of a document.
type report struct {
	*document
	problems Problems
	// settled are fields about which enough has been said.
	settled []string
}

// add reports a problem at path whatever has been said about it.
func (r *report) add(path, detail string) {
	r.addAt(r.place(path), path, detail)
}

func (r *report) addAt(node *yaml.Node, path, detail string) {
	r.problems = append(r.problems, r.problemAt(node, path, detail))
	r.settle(path)
}

func (r *report) settle(path string) {
	if path != "" {
		r.settled = append(r.settled, path)
	}
}

// addAll reports what one stage has found, except about fields that an earlier
// stage has spoken about, or about something in them or around them: it would be
// the same mistake seen from further away.
func (r *report) addAll(errs config.FieldErrors) {
	before := slices.Clone(r.settled)
	for _, e := range errs {
		if !slices.ContainsFunc(before, func(path string) bool { return overlap(path, e.Path) }) {
			r.add(e.Path, e.Detail)
		}
	}
}

// overlap reports whether one path is the other or leads to it.
func overlap(a, b string) bool { return within(a, b) || within(b, a) }

func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && endsStep(rest)
}
