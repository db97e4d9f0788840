package conformance_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
	"github.com/securedmcp/operator/test/testnames"
)

const (
	root     = "../.."
	document = root + "/docs/conformance.md"
)

// rows are the requirements, each with its level.
var rows = strings.Fields(`
	A1:M A2:M A3:S A4:S A5:M A6:M A7:M A8:S A9:M A10:S A11:M A12:M A13:M A14:M A15:S
	T1:M T2:M T3:M T4:M T5:M T6:M T7:M T8:M T9:M T10:M T11:S T12:M T13:S
	X1:M X2:M X3:M X4:M`)

// row is a row of the table in docs/conformance.md.
type row struct {
	name, level string
	// shownBy are tests and checks, without backticks.
	shownBy []string
}

var (
	tableRow  = regexp.MustCompile(`^\| ([ATX][0-9]+) \| ([MS]) \|`)
	quoted    = regexp.MustCompile("`([^`]+)`")
	admission = regexp.MustCompile("\\(`([ATX][0-9]+\\.[a-z0-9-]+)` fails\\)")
	checkName = regexp.MustCompile(`^[ATX][0-9]+\.`)
)

func readTable(t *testing.T) []row {
	t.Helper()
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var table []row
	for line := range strings.Lines(string(raw)) {
		found := tableRow.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 5 {
			t.Errorf("row %s has %d cells, want 5", found[1], len(cells))
		}
		r := row{name: found[1], level: found[2]}
		for _, name := range quoted.FindAllStringSubmatch(cells[len(cells)-1], -1) {
			r.shownBy = append(r.shownBy, name[1])
		}
		table = append(table, r)
	}
	return table
}

// admittedChecks are those of which the table says that they fail.
func admittedChecks(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	admitted := map[string]bool{}
	for _, found := range admission.FindAllStringSubmatch(string(raw), -1) {
		admitted[found[1]] = true
	}
	return admitted
}

func TestEveryRowIsInTheTable(t *testing.T) {
	var got []string
	for _, r := range readTable(t) {
		got = append(got, r.name+":"+r.level)
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("rows of %s (-want +got):\n%s", document, diff)
	}
}

func TestEveryRowIsShownByWhatExists(t *testing.T) {
	for _, r := range readTable(t) {
		t.Run(r.name, func(t *testing.T) {
			if len(r.shownBy) == 0 {
				t.Error("no test and no check is named")
			}
			for _, name := range r.shownBy {
				if err := exists(name); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// exists tells why there is no such test or check.
func exists(name string) error {
	if checkName.MatchString(name) {
		if len(matching(name)) == 0 {
			return errors.New("no such check; rsauth --list tells which there are")
		}
		return nil
	}
	return testnames.Exists(root, name)
}

// matching returns the ids of the checks that a name stands for.
func matching(name string) []string {
	var ids []string
	for _, c := range checks.All() {
		if c.ID == name || name == c.Row()+".*" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// A check that no row names would be a requirement that the table lacks.
func TestEveryCheckIsInItsRow(t *testing.T) {
	table := readTable(t)
	for _, c := range checks.All() {
		i := slices.IndexFunc(table, func(r row) bool { return r.name == c.Row() })
		if i < 0 || !slices.ContainsFunc(table[i].shownBy, func(name string) bool { return slices.Contains(matching(name), c.ID) }) {
			t.Errorf("row %s does not name %s", c.Row(), c.ID)
		}
	}
}

// The other tables of the document name checks too.
func TestEveryCheckThatTheDocumentNamesExists(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range quoted.FindAllStringSubmatch(string(raw), -1) {
		if checkName.MatchString(name[1]) && len(matching(name[1])) == 0 {
			t.Errorf("%s names %s, which does not exist", document, name[1])
		}
	}
}

func TestTheTableFindsWhatDoesNotExist(t *testing.T) {
	for _, name := range []string{"runtime/app.TestThatNobodyWrote", "runtime/nowhere.TestX", "A5.unheard-of", "A99.*", "nonsense", "runtime/app.start"} {
		if exists(name) == nil {
			t.Errorf("%s seems to exist", name)
		}
	}
}
