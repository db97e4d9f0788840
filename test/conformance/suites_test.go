//go:build conformance

package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The official suites need npm and its registry, which is why a build tag keeps
// them apart: go test -tags conformance ./test/conformance
func TestOfficialSuites(t *testing.T) {
	suites, err := filepath.Glob("suites/*/package-lock.json")
	if err != nil || len(suites) == 0 {
		t.Fatalf("suites %v, %v", suites, err)
	}
	for _, lock := range suites {
		name := filepath.Base(filepath.Dir(lock))
		t.Run(name, func(t *testing.T) {
			run := exec.CommandContext(t.Context(), "./run.sh", name)
			run.Stdout, run.Stderr = os.Stdout, os.Stderr
			if err := run.Run(); err != nil {
				t.Errorf("%s: %v; the output says which check", name, err)
			}
		})
	}
}
