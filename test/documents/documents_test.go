// Package documents checks what the documents say against what there is.
package documents

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/securedmcp/operator/test/testnames"
)

const root = "../.."

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	// link is a link to a file of the repository, less what follows #.
	link = regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)
	flag = regexp.MustCompile(`--([a-z][a-z-]+)`)
)

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// attacks returns the rows of the tables of attacks: what is tried, what holds,
// shown by what.
func attacks(text string) [][]string {
	var rows [][]string
	inTable := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case strings.HasPrefix(line, "| they try to "):
			inTable = true
		case inTable && !strings.HasPrefix(line, "|---"):
			rows = append(rows, cells)
		}
	}
	return rows
}

func TestWhatTheThreatModelClaimsIsShown(t *testing.T) {
	rows := attacks(read(t, "docs/security/threat-model.md"))
	if len(rows) < 40 {
		t.Fatalf("only %d claims were found", len(rows))
	}
	for _, row := range rows {
		if len(row) != 3 {
			t.Errorf("%v has %d cells, want 3", row, len(row))
			continue
		}
		tests := quoted.FindAllStringSubmatch(row[2], -1)
		if len(tests) == 0 {
			t.Errorf("%s: no test is named", row[0])
		}
		for _, test := range tests {
			if err := testnames.Exists(root, test[1]); err != nil {
				t.Errorf("%s: %s: %v", row[0], test[1], err)
			}
		}
	}
}

func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	named := regexp.MustCompile(`^[a-z0-9/]+\.(Test|Fuzz)\w+$`)
	for _, document := range documents(t) {
		for _, m := range quoted.FindAllStringSubmatch(read(t, document), -1) {
			if !named.MatchString(m[1]) {
				continue
			}
			if err := testnames.Exists(root, m[1]); err != nil {
				t.Errorf("%s: %s: %v", document, m[1], err)
			}
		}
	}
}

func TestWhatDoesNotExistIsFound(t *testing.T) {
	for _, name := range []string{"runtime/app.TestThatNobodyWrote", "runtime/nowhere.TestX", "nonsense", "runtime/app.start", "TestX"} {
		if testnames.Exists(root, name) == nil {
			t.Errorf("%s seems to exist", name)
		}
	}
	if got := attacks("| they try to | what holds | shown by |\n|---|---|---|\n| a | b | c |\n\n| x | y |\n"); len(got) != 1 || got[0][2] != "c" {
		t.Errorf("rows %v", got)
	}
}

// documents are the paths of all of them.
func documents(t *testing.T) []string {
	t.Helper()
	paths := []string{"README.md", "CHANGELOG.md", "hack/cluster/README.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			relative, _ := filepath.Rel(root, path)
			paths = append(paths, relative)
		}
		return err
	})
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d documents: %v", len(paths), err)
	}
	return paths
}

func TestEveryLinkLeadsToAFile(t *testing.T) {
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			target := filepath.Join(root, filepath.Dir(document), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

// flagsOfOthers are those of helm and kubectl.
var flagsOfOthers = strings.Fields(`all all-namespaces clusterrole create-namespace for group install kubeconfig namespace resource server-side set timeout
	take-ownership values verb version wait`)

func TestEveryFlagOfTheGuidesIsOne(t *testing.T) {
	operator := read(t, "cmd/operator/main.go")
	for _, document := range []string{"docs/installation.md", "docs/multi-tenancy.md", "docs/security/threat-model.md"} {
		for _, m := range flag.FindAllStringSubmatch(read(t, document), -1) {
			if !strings.Contains(operator, `"`+m[1]+`"`) && !slices.Contains(flagsOfOthers, m[1]) {
				t.Errorf("%s: --%s is no flag of the operator", document, m[1])
			}
		}
	}
}
