package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentsAreCutWhereKubectlCutsThem(t *testing.T) {
	text := "a: 1\n--- \nb: |\n  ---\n  text\n--- # comment\n# nothing\n---\nc: ---\n"
	var got []string
	var lines []int
	for _, c := range split([]byte(text)) {
		got, lines = append(got, string(c.raw)), append(lines, c.line)
	}
	want := []string{"a: 1\n", "b: |\n  ---\n  text\n", "# nothing\n", "c: ---\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 2, 6, 8}, lines); diff != "" {
		t.Errorf("lines before them (-want +got):\n%s", diff)
	}
}

func TestPlacesAreFoundByPath(t *testing.T) {
	documents, err := parseDocuments(Source{"x.yaml", []byte(`a:
  b.c/d: 1
  b: {c: 2}
  list:
    - x: 3
      y: [4, 5]
base: &base
  deep: 6
merged:
  <<: *base
alias: *base
`)})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][2]int{
		"":               {1, 1},
		"a":              {1, 1},
		"a.b.c/d":        {2, 10},
		"a.[b.c/d]":      {2, 10},
		"a.b.c":          {3, 10},
		"a.list":         {4, 3},
		"a.list[0]":      {5, 7},
		"a.list[0].x":    {5, 10},
		"a.list[0].y[1]": {6, 14},
		"a.list[0].z":    {5, 7},
		"a.list[7]":      {4, 3},
		"a.nothing.here": {1, 1},
		"nothing":        {1, 1},
		"merged.deep":    {8, 9},
		"alias.deep":     {8, 9},
	}
	for path, want := range cases {
		node := documents[0].place(path)
		if got := [2]int{node.Line, node.Column}; got != want {
			t.Errorf("%q is at %v; want %v", path, got, want)
		}
	}
}
