// Package kubetest starts the real API server and etcd that `make test` builds,
// with the project's CustomResourceDefinition installed. There is no kubelet and
// no controller manager behind it: tests write the status that those would.
package kubetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/securedmcp/operator/test/freeport"
)

// assetsEnv names the folder of the kube-apiserver and etcd binaries, as in
// every project that uses envtest.
const assetsEnv = "KUBEBUILDER_ASSETS"

// limit bounds every wait for the API server: it is for a machine that does much
// else.
const limit = 3 * time.Minute

var server struct {
	sync.Mutex
	plane  *envtest.ControlPlane
	config *rest.Config
	err    error
}

// Main runs the tests of m and stops the API server if one of them started it.
// It is all that a TestMain needs.
func Main(m *testing.M) {
	code := m.Run()
	if server.plane != nil {
		if err := server.plane.Stop(); err != nil {
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
	if server.plane == nil && server.err == nil {
		if server.plane, server.err = controlPlane(); server.err == nil {
			server.config, server.err = start(server.plane)
		}
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	return rest.CopyConfig(server.config)
}

// controlPlane is an API server and etcd that have not started. Their ports stay
// theirs when they start again.
func controlPlane() (*envtest.ControlPlane, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	assets, err := assetsDir(root, "kube-apiserver", "etcd")
	if err != nil {
		return nil, err
	}
	ports := make([]string, 2)
	for i := range ports {
		if ports[i], err = freeport.Pick(); err != nil {
			return nil, err
		}
	}
	api := &envtest.APIServer{Path: filepath.Join(assets, "kube-apiserver"), StartTimeout: limit, StopTimeout: limit}
	api.SecureServing.Address, api.SecureServing.Port = "127.0.0.1", ports[0]
	// The default has room for 254 Services.
	api.Configure().Set("service-cluster-ip-range", "10.0.0.0/16")
	return &envtest.ControlPlane{
		APIServer: api,
		Etcd: &envtest.Etcd{
			Path: filepath.Join(assets, "etcd"), StartTimeout: limit, StopTimeout: limit,
			URL: &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", ports[1])},
		},
	}, nil
}

// start returns when the API server has the namespace default and the project's
// CustomResourceDefinitions.
func start(plane *envtest.ControlPlane) (*rest.Config, error) {
	if err := plane.Start(); err != nil {
		return nil, fmt.Errorf("starting the API server: %w", err)
	}
	user, err := plane.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, &rest.Config{
		QPS: -1, // the tests count requests, they do not pace them
	})
	if err != nil {
		return nil, err
	}
	cfg := user.Config()
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		return nil, err
	}
	err = wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		return c.Get(ctx, client.ObjectKey{Name: "default"}, new(corev1.Namespace)) == nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for the namespace default: %w", err)
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	_, err = envtest.InstallCRDs(cfg, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(root, "config", "crd", "bases")}, ErrorIfPathMissing: true, MaxTime: limit,
	})
	return cfg, err
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
