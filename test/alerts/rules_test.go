// Package alerts shows the alerts of the PrometheusRule to Prometheus itself, to a
// runtime that has to have the metrics, and to the person who is woken by them.
package alerts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// goldens are the rules as the operator makes them; the tests of package desired
// keep them so.
const goldens = "../../controllers/internal/desired/testdata/"

// The golden files: of a server with every alert that one with JWTs can have, and
// of one with opaque tokens.
const (
	shared = "prometheusrule-shared"
	opaque = "prometheusrule-opaque"
)

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type group struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type ruleFile struct {
	Groups []group `json:"groups"`
}

func rulesOf(t *testing.T, golden string) ruleFile {
	t.Helper()
	raw, err := os.ReadFile(goldens + golden + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Spec ruleFile `json:"spec"`
	}
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	if len(object.Spec.Groups) != 1 || len(object.Spec.Groups[0].Rules) == 0 {
		t.Fatalf("%s has no rules", golden)
	}
	return object.Spec
}

// allRules returns each alert once.
func allRules(t *testing.T) []rule {
	t.Helper()
	byName := map[string]rule{}
	for _, golden := range []string{shared, opaque} {
		for _, r := range rulesOf(t, golden).Groups[0].Rules {
			byName[r.Alert] = r
		}
	}
	var all []rule
	for _, r := range byName {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b rule) int { return strings.Compare(a.Alert, b.Alert) })
	return all
}

// writeYAML returns the path of a new file.
func writeYAML(t *testing.T, name string, content any) string {
	t.Helper()
	raw, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// promtool runs the program of that name, of Prometheus.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("this test needs promtool: hack/apt.sh prometheus installs it: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args[:2], " "), err, out)
	}
	return string(out)
}

func TestPrometheusTakesEveryRule(t *testing.T) {
	for _, golden := range []string{"prometheusrule", shared, opaque} {
		rules := rulesOf(t, golden)
		out := promtool(t, "check", "rules", writeYAML(t, golden, rules))
		if want := fmt.Sprintf("SUCCESS: %d rules found", len(rules.Groups[0].Rules)); !strings.Contains(out, want) {
			t.Errorf("%s: want %q, got %s", golden, want, out)
		}
	}
}

var runbookSections = []string{"## What it means", "## What callers see", "## What to look at", "## What to do"}

// Whoever is woken finds out what it means, and what to do.
func TestEveryAlertHasARunbook(t *testing.T) {
	want := []string{"README.md"}
	for _, r := range allRules(t) {
		t.Run(r.Alert, func(t *testing.T) {
			for _, annotation := range []string{"summary", "description", "runbook_url"} {
				if r.Annotations[annotation] == "" {
					t.Errorf("no annotation %s", annotation)
				}
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("severity %q", s)
			}
			page, err := os.ReadFile("../../docs/runbooks/" + filepath.Base(r.Annotations["runbook_url"]))
			if err != nil {
				t.Fatal(err)
			}
			for _, section := range append(runbookSections, "# "+r.Alert+"\n", "kubectl ", r.Labels["severity"]) {
				if !strings.Contains(string(page), section) {
					t.Errorf("its runbook lacks %q", section)
				}
			}
		})
		want = append(want, r.Alert+".md")
	}
	index, err := os.ReadFile("../../docs/runbooks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadDir("../../docs/runbooks")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !slices.Contains(want, page.Name()) {
			t.Errorf("docs/runbooks/%s is of no alert", page.Name())
		}
		if page.Name() != "README.md" && !strings.Contains(string(index), "("+page.Name()+")") {
			t.Errorf("docs/runbooks/README.md does not name %s", page.Name())
		}
	}
}

var (
	metricPattern  = regexp.MustCompile(`\b(securedmcp_[a-z_]+)\{([^}]*)\}`)
	matcherPattern = regexp.MustCompile(`([a-z]+)(?:=~|!~|!=|=)"([^"]*)"`)
)
