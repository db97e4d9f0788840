package cluster

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Project is the root folder of the project.
type Project string

// FindProject returns the project that the working directory is in.
func FindProject() (Project, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if isRoot(dir) {
			return Project(dir), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside of the project: want the folder with its go.mod, or one below it")
		}
		dir = parent
	}
}

// isRoot tells the project's module from those that are nested in it.
func isRoot(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(raw), "module github.com/securedmcp/operator\n")
}

// Path joins a path to the root.
func (p Project) Path(elements ...string) string {
	return filepath.Join(append([]string{string(p)}, elements...)...)
}

// Program finds a program that the project builds, or one of the machine.
func (p Project) Program(name string) (string, error) {
	own := p.Path("bin", "k8s", name)
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New(name + " is neither in bin/k8s nor on the PATH; make k8s builds it")
	}
	return found, nil
}
