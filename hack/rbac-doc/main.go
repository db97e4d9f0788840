// Rbac-doc writes docs/security/rbac.md from the RBAC markers of package
// controllers and the comments above them, so that the page says of every right
// why the operator has it and cannot say anything of rights that it has not.
//
//	rbac-doc controllers/rbac.go >docs/security/rbac.md
package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/template"
	"unicode"
)

const marker = "+kubebuilder:rbac:"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rbac-doc FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rbac-doc:", err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rights, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return write(out, rights)
}

// right is one marker and the paragraph above it.
type right struct{ Groups, Resources, Verbs, Why string }

// unexplained returns a verb that the paragraph does not have, "" if it has all.
func (r right) unexplained() string {
	words := strings.FieldsFunc(r.Why, func(c rune) bool { return !unicode.IsLetter(c) })
	for verb := range strings.SplitSeq(r.Verbs, ", ") {
		if !slices.Contains(words, verb) {
			return verb
		}
	}
	return ""
}

// read returns the rights in the order of the file. Markers that follow one
// another share the paragraph above the first.
func read(in io.Reader) ([]right, error) {
	var (
		rights []right
		why    []string
		fresh  = true
	)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text, comment := strings.CutPrefix(lines.Text(), "//")
		text = strings.TrimSpace(text)
		fields, isMarker := strings.CutPrefix(text, marker)
		switch {
		case !comment || text == "":
			why, fresh = nil, true
		case isMarker:
			r := parse(fields)
			r.Why = strings.Join(why, " ")
			if verb := r.unexplained(); verb != "" {
				return nil, fmt.Errorf("the comment above does not say what %s is for: %s", verb, text)
			}
			rights, fresh = append(rights, r), false
		case !fresh: // a paragraph right below a marker
			why, fresh = []string{text}, true
		default:
			why = append(why, text)
		}
	}
	if len(rights) == 0 {
		return nil, fmt.Errorf("no %s markers", marker)
	}
	return rights, lines.Err()
}

func parse(fields string) right {
	var r right
	for field := range strings.SplitSeq(fields, ",") {
		key, value, _ := strings.Cut(field, "=")
		value = strings.ReplaceAll(strings.Trim(value, `"`), ";", ", ")
		switch key {
		case "groups":
			r.Groups = value
		case "resources":
			r.Resources = value
		case "verbs":
			r.Verbs = value
		}
	}
	if r.Groups == "" {
		r.Groups = "(core)"
	}
	return r
}

//go:embed page.md.tmpl
var page string

func write(out io.Writer, rights []right) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(out, rights)
}
