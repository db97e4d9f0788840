// Package kubetest starts the real API server and etcd that `make test` builds,
// with the project's CustomResourceDefinition installed. There is no kubelet and
// no controller manager behind it: tests write the status that those would.
package kubetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// assetsEnv names the folder of the kube-apiserver and etcd binaries, as in
// every project that uses envtest.
const assetsEnv = "KUBEBUILDER_ASSETS"

var server struct {
	sync.Mutex
	env *envtest.Environment
	err error
}

// Main runs the tests of m and stops the API server if one of them started it.
// It is all that a TestMain needs.
func Main(m *testing.M) {
	code := m.Run()
	if server.env != nil {
		if err := server.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Config returns a new connection to the API server of this test binary, which
// the first call starts. A machine without the binaries fails the test: what
// needs an API server is never skipped.
//
// The start belongs to a test and not to TestMain because only then does the go
// command see that the result depends on the CustomResourceDefinition.
func Config(t testing.TB) *rest.Config {
	t.Helper()
	server.Lock()
	defer server.Unlock()
	if server.env == nil && server.err == nil {
		server.env, server.err = start()
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	cfg := rest.CopyConfig(server.env.Config)
	// The tests count requests, they do not pace them.
	cfg.QPS = -1
	return cfg
}

func start() (*envtest.Environment, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	if _, err := env.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the API server: %w", err), env.Stop())
	}
	return env, nil
}

// environment is an API server and etcd that have not started.
func environment() (*envtest.Environment, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	assets, err := assetsDir(root, "kube-apiserver", "etcd")
	if err != nil {
		return nil, err
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	// The default has room for 254 Services.
	env.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16")
	return env, nil
}

// assetsDir returns the folder of the programs, if it has those of these names.
func assetsDir(root string, names ...string) (string, error) {
	dir := os.Getenv(assetsEnv)
	if dir == "" {
		dir = filepath.Join(root, "bin", "k8s")
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("this test needs %s: %w; `make test` builds it into bin/k8s, or set %s to a folder that has it", name, err, assetsEnv)
		}
	}
	return dir, nil
}

// Root returns the folder of the repository's go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the repository: no go.mod above the working directory")
		}
		dir = parent
	}
}
