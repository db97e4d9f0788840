package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// testKind is a kind of real CustomResourceDefinitions that no server asks for.
var testKind = optionalKind{
	kind:    "PodMonitor",
	version: schema.GroupVersion{Group: "monitoring.coreos.com", Version: "v1"},
	install: "the Prometheus Operator",
	desired: func(*v1alpha1.SecuredMCPServer) *unstructured.Unstructured { return nil },
}

func TestOptionalKindsComeAndGoWhileTheOperatorRuns(t *testing.T) {
	cfg := kubetest.Config(t)
	apis := startAPIs(t)
	if got := apis.missing(testKind); !strings.Contains(got, "install the Prometheus Operator") {
		t.Fatalf("before it is installed: %q", got)
	}
	for round := range 2 {
		remove := kubetest.InstallCRDs(t, cfg, "prometheus-operator")
		await(t, "the kind can be had", func() bool { return apis.missing(testKind) == "" })
		if err := apis.cache.List(t.Context(), listOf(testKind)); err != nil {
			t.Errorf("round %d: reading from the cache: %v", round, err)
		}
		remove()
		await(t, "the kind has gone", func() bool { return apis.missing(testKind) != "" })
	}
}

func TestAWatchThatCannotBeHadIsSaidToBeSo(t *testing.T) {
	a := &APIs{watches: map[string]context.CancelFunc{}, problems: map[string]error{}}
	refused := context.DeadlineExceeded
	if news := a.note(testKind, nil, refused); !news {
		t.Error("the first problem is no news")
	}
	if news := a.note(testKind, nil, refused); news {
		t.Error("the same problem is news again")
	}
	if got := a.missing(testKind); !strings.Contains(got, "cannot watch PodMonitor") || !strings.Contains(got, refused.Error()) {
		t.Errorf("it says %q", got)
	}
	if news := a.note(testKind, func() {}, nil); !news || a.missing(testKind) != "" {
		t.Errorf("the kind has come: news %t, missing %q", news, a.missing(testKind))
	}
}

func startAPIs(t *testing.T) *APIs {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	mgr, err := ctrl.NewManager(kubetest.Config(t), ctrl.Options{
		Scheme: scheme, Cache: CacheOptions(), Client: ClientOptions(), Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	apis, err := NewAPIs(mgr)
	if err != nil {
		t.Fatal(err)
	}
	apis.kinds, apis.period = []optionalKind{testKind}, 20*time.Millisecond
	stopped := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	if err := apis.Start(ctx, workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())); err != nil {
		t.Fatal(err)
	}
	if err := apis.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return apis
}

func listOf(k optionalKind) *unstructured.UnstructuredList {
	list := new(unstructured.UnstructuredList)
	list.SetGroupVersionKind(k.version.WithKind(k.kind + "List"))
	return list
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, 3*time.Minute, true, func(context.Context) (bool, error) { return holds(), nil })
	if err != nil {
		t.Fatalf("in vain: %s: %v", what, err)
	}
}
