package controllers_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
	"github.com/securedmcp/operator/test/kubetest"
)

// operator is the reconciler with a real cache in front of it, and a count of
// what it writes.
type operator struct {
	cached     client.Client
	reconciler *controllers.Reconciler
	asker      *controllers.Asker
	prober     *controllers.Prober
	apis       *controllers.APIs
	writes     *writes
	faults     *faults
	events     *recorder
	stop       func()
}

// startOperator starts what cmd/operator starts, except that nothing wakes the
// reconciler and nobody asks the pods and issuers.
func startOperator(t testing.TB, network *podNetwork) *operator {
	t.Helper()
	return startOperatorWith(t, network, controllers.Policy{})
}

var platform = controllers.Platform{RuntimeImage: runtimeImage, OperatorNamespace: "securedmcp-system"}

// startOperatorWith may narrow the operator to namespaces, which is quicker when
// others are full of the remains of tests.
func startOperatorWith(t testing.TB, network *podNetwork, policy controllers.Policy, namespaces ...string) *operator {
	t.Helper()
	counted, faults := new(writes), new(faults)
	cfg := kubetest.Config(t)
	cfg.Wrap(counted.count)
	cfg.Wrap(faults.inject) // what goes wrong on the way is not counted
	mgr := newManager(t, cfg, namespaces...)
	ctx, cancel := context.WithCancel(context.Background())
	if err := controllers.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		t.Fatal(err)
	}
	apis := newAPIs(t, mgr)
	asker, told := controllers.NewAsker(mgr.GetClient(), network.client()), new(recorder)
	prober := controllers.NewProber(mgr.GetAPIReader(), issuerprobe.NewClient(network.dial))
	reconciler := controllers.NewReconciler(mgr.GetClient(), mgr.GetAPIReader(), asker, prober, apis, told, platform, policy)
	reconciler.StopClock()
	reconciler.SettlePods()
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("stopping the operator: %v", err)
		}
	})
	t.Cleanup(stop)
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the cache did not fill")
	}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	if err := errors.Join(apis.Start(ctx, queue), apis.WaitForSync(t.Context())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the API server has can be had", func() bool { return !apis.Troubled() })
	return &operator{cached: mgr.GetClient(), reconciler: reconciler, asker: asker, prober: prober, apis: apis, writes: counted, faults: faults, events: told, stop: stop}
}

// newAPIs looks more often than an operator does.
func newAPIs(t testing.TB, mgr ctrl.Manager) *controllers.APIs {
	t.Helper()
	apis, err := controllers.NewAPIs(mgr)
	if err != nil {
		t.Fatal(err)
	}
	apis.LookEvery(50 * time.Millisecond)
	return apis
}

func newManager(t testing.TB, cfg *rest.Config, namespaces ...string) ctrl.Manager {
	t.Helper()
	caching := controllers.CacheOptions()
	for _, namespace := range namespaces {
		if caching.DefaultNamespaces == nil {
			caching.DefaultNamespaces = map[string]cache.Config{}
		}
		caching.DefaultNamespaces[namespace] = cache.Config{}
	}
	return newManagerWith(t, cfg, caching)
}

func newManagerWith(t testing.TB, cfg *rest.Config, caching cache.Options) ctrl.Manager {
	t.Helper()
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  scheme(t),
		Cache:   caching,
		Client:  controllers.ClientOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

func scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// writes are the requests that change something, as the API server gets them.
type writes struct {
	sync.Mutex
	requests []string
	// failing is a write that the API server cannot do at the moment.
	failing string
	// interrupted is a write before which something else happens, once.
	interrupted string
	interrupt   func()
	// life ends at some write; nil is a long one.
	life *life
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *writes) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			parts := strings.Split(r.URL.Path, "/")
			write := r.Method + " " + strings.Join(parts[slices.Index(parts, "namespaces")+2:], "/")
			w.interruption(write)()
			w.Lock()
			defer w.Unlock()
			w.requests = append(w.requests, write)
			if write == w.failing {
				return internalError(r), nil
			}
			return w.life.send(r, next)
		}
		return next.RoundTrip(r)
	})
}

// before has something happen just before a write reaches the API server. It
// returns whether it has.
func (w *writes) before(write string, happens func()) (happened func() bool) {
	w.Lock()
	defer w.Unlock()
	w.interrupted, w.interrupt = write, happens
	return func() bool {
		w.Lock()
		defer w.Unlock()
		return w.interrupted == ""
	}
}

func (w *writes) interruption(write string) func() {
	w.Lock()
	defer w.Unlock()
	if w.interrupted != write {
		return func() {}
	}
	w.interrupted = ""
	return w.interrupt
}

// kill has the operator die as l says.
func (w *writes) kill(l *life) {
	w.Lock()
	defer w.Unlock()
	w.life = l
}

// fail has one kind of write fail until the test says "".
func (w *writes) fail(write string) {
	w.Lock()
	defer w.Unlock()
	w.failing = write
}

func internalError(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusInternalServerError, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": []string{"application/json"}},
		Body:   io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500,"message":"range is full"}`)),
	}
}

// recorder keeps events, which a real one writes in the background.
type recorder struct {
	sync.Mutex
	told []string
}

func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, _ string, _ ...any) {
	r.Lock()
	defer r.Unlock()
	r.told = append(r.told, kind+" "+reason)
}

// take returns the events since the last call.
func (r *recorder) take() []string {
	r.Lock()
	defer r.Unlock()
	told := r.told
	r.told = nil
	return told
}

// take returns the writes since the last call, in the order of their names.
func (w *writes) take() []string {
	w.Lock()
	defer w.Unlock()
	taken := w.requests
	w.requests = nil
	slices.Sort(taken)
	return taken
}
