package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a manifest.
type Problem struct {
	// File is the name that the manifest was given by.
	File string
	// Line and Column count from 1; Line 0 means that the problem has no place.
	Line, Column int
	// Field is the path of the field, "spec.tools[1].scopes[0]", or "".
	Field string
	// Detail says what is wrong and what is allowed.
	Detail string
}

// Error is one line: "billing.yaml:31:9: spec.tools[1].scopes[0]: ...".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	// A detail may quote what a person wrote; the line stays one line.
	b.WriteString(strings.Join(strings.Fields(p.Detail), " "))
	return b.String()
}

// Problems are all that is wrong with a manifest, in the order of its lines.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}
