package kubetest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

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
	installed, err := envtest.InstallCRDs(cfg, envtest.CRDInstallOptions{Paths: files, ErrorIfPathMissing: true, MaxTime: limit})
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

// removeCRDs returns when they and their objects have gone, and the API server no
// longer says that it serves them. It sees to that itself, but waits for minutes
// after it could not list the objects of a kind whose storage was not ready, as it
// is for one that nobody has used yet.
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
	objects, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	served, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return err
	}
	for _, crd := range installed {
		err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
			err := c.Get(ctx, client.ObjectKeyFromObject(crd), crd)
			if apierrors.IsNotFound(err) {
				return !isServed(served, crd), nil
			}
			if err != nil {
				return false, err
			}
			return false, finishRemoval(ctx, c, objects, crd)
		})
		if err != nil {
			return fmt.Errorf("removing %s: %w", crd.Name, err)
		}
	}
	return nil
}

func isServed(d discovery.ServerResourcesInterface, crd *apiextensionsv1.CustomResourceDefinition) bool {
	return slices.ContainsFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		list, err := d.ServerResourcesForGroupVersion(crd.Spec.Group + "/" + v.Name)
		if err != nil {
			return !apierrors.IsNotFound(err)
		}
		return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == crd.Spec.Names.Plural })
	})
}

// finishRemoval deletes the objects of a kind that no more are created of, and
// when there are none lets the definition go.
func finishRemoval(ctx context.Context, c client.Client, objects dynamic.Interface, crd *apiextensionsv1.CustomResourceDefinition) error {
	if !slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Terminating && c.Status == apiextensionsv1.ConditionTrue
	}) {
		return nil
	}
	resource := objects.Resource(schema.GroupVersionResource{Group: crd.Spec.Group, Version: crd.Spec.Versions[0].Name, Resource: crd.Spec.Names.Plural})
	left, err := resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil // it is going, or its storage is not ready
	}
	for _, o := range left.Items {
		if err := resource.Namespace(o.GetNamespace()).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	if len(left.Items) > 0 {
		return nil
	}
	return client.IgnoreNotFound(c.Patch(ctx, crd, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
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
