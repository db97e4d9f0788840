package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// People look reasons up. A reason that they cannot find, and one that the
// operator never gives, are both a lie.
func TestReferenceHasEveryConditionAndReason(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if reason, ok := strings.CutPrefix(line, "| `"); ok {
			documented[reason[:strings.IndexByte(reason, '`')]] = true
		}
		if condition, ok := strings.CutPrefix(line, "## "); ok {
			documented[strings.TrimSpace(condition)] = true
		}
	}
	constants := stringConstants(t, "condition_types.go")
	for value := range constants {
		if !documented[value] {
			t.Errorf("docs/reference/conditions.md does not have %s", value)
		}
	}
	for value := range documented {
		if !constants[value] {
			t.Errorf("docs/reference/conditions.md has %s, which is no condition or reason", value)
		}
	}
}

// stringConstants returns the values of the string constants of a Go file.
func stringConstants(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		found[value] = true
		return true
	})
	if len(found) == 0 {
		t.Fatalf("no constants in %s", path)
	}
	return found
}
