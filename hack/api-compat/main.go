// Api-compat compares the CustomResourceDefinition with that of the last
// release and fails on what an object or a client of that release could trip
// over: fields, values and versions that are gone, rules and bounds that are new
// or tighter, defaults and types that changed.
//
//	api-compat config/crd/released config/crd/bases/securedmcp.dev_securedmcpservers.yaml
//
// The first argument is a folder with one file for each release, named by its
// version; the last version counts. A file accepted.txt beside them has changes,
// one a line as printed, that were made knowingly since.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: api-compat RELEASED-FOLDER DEFINITION")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wrong:", err)
		os.Exit(1)
	}
}

func run(folder, current string, out io.Writer) error {
	last, err := lastRelease(folder)
	if err != nil {
		return err
	}
	if last == "" {
		fmt.Fprintln(out, "ok: nothing is released yet, so the API may change")
		return nil
	}
	before, err := read(last)
	if err != nil {
		return err
	}
	after, err := read(current)
	if err != nil {
		return err
	}
	accepted, err := lines(filepath.Join(folder, "accepted.txt"))
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(Definitions(before, after), func(change string) bool { return slices.Contains(accepted, change) })
	if len(found) > 0 {
		return fmt.Errorf("the API breaks with %s; undo it, or add the line to accepted.txt there and say so in CHANGELOG.md:\n%s", last, strings.Join(found, "\n"))
	}
	fmt.Fprintf(out, "ok: the API is compatible with %s\n", last)
	return nil
}

// lastRelease returns the file with the highest version, or "" without any.
func lastRelease(folder string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "v*.yaml"))
	if err != nil {
		return "", err
	}
	var (
		last    string
		highest *version.Version
	)
	for _, path := range paths {
		v, err := version.ParseSemantic(strings.TrimSuffix(filepath.Base(path), ".yaml"))
		if err != nil {
			return "", fmt.Errorf("%s: want a name like v1.2.3.yaml: %w", path, err)
		}
		if highest == nil || highest.LessThan(v) {
			last, highest = path, v
		}
	}
	return last, nil
}

func read(path string) (*apiextensionsv1.CustomResourceDefinition, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	definition := new(apiextensionsv1.CustomResourceDefinition)
	if err := yaml.UnmarshalStrict(data, definition); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return definition, nil
}

func lines(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n"), err
}
