// Package testnames finds the tests that documents name: a claim whose proof has
// been renamed or removed is one that nobody checks any more.
package testnames

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// name is how documents name a test: its folder, below the root of the
// repository, and its function.
var name = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz)\w+)$`)

// Exists tells why there is no test called "directory.TestName" below root.
func Exists(root, test string) error {
	m := name.FindStringSubmatch(test)
	if m == nil {
		return errors.New("want directory.TestName or directory.FuzzName")
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m[1]), "*_test.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no tests in %s", m[1])
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.Contains(string(source), "\nfunc "+m[2]+"(") {
			return nil
		}
	}
	return fmt.Errorf("no such function in %s", m[1])
}
