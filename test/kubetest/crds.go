package kubetest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const crdsTimeout = 3 * time.Minute

// InstallCRDs adds the CustomResourceDefinitions of optional APIs to the API
// server until the test ends or the function that it returns is called. The sets
// are those of hack/crds/files.sh. An API server is shared by the tests of a
// package, so no test that needs one of them to be missing can run meanwhile.
func InstallCRDs(t testing.TB, cfg *rest.Config, sets ...string) (remove func()) {
	t.Helper()
	files, err := crdFiles(sets)
	if err != nil {
		t.Fatal(err)
	}
	installed, err := envtest.InstallCRDs(cfg, envtest.CRDInstallOptions{Paths: files, ErrorIfPathMissing: true, MaxTime: crdsTimeout})
	if err != nil {
		t.Fatal(err)
	}
	remove = sync.OnceFunc(func() {
		if err := removeCRDs(cfg, installed); err != nil {
			t.Errorf("removing CustomResourceDefinitions: %v", err)
		}
	})
	t.Cleanup(remove)
	return remove
}

// removeCRDs returns when they have gone, and their objects with them.
func removeCRDs(cfg *rest.Config, installed []*apiextensionsv1.CustomResourceDefinition) error {
	if err := envtest.UninstallCRDs(cfg, envtest.CRDInstallOptions{CRDs: installed}); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, crdsTimeout, true, func(ctx context.Context) (bool, error) {
		for _, crd := range installed {
			err := c.Get(ctx, client.ObjectKeyFromObject(crd), new(apiextensionsv1.CustomResourceDefinition))
			if !apierrors.IsNotFound(err) {
				return false, err
			}
		}
		return true, nil
	})
}

func crdFiles(sets []string) ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(filepath.Join(root, "hack", "crds", "files.sh"), sets...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("looking for CustomResourceDefinitions: %w: %s", err, exit.Stderr)
	}
	return strings.Fields(string(out)), err
}
