package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
	"github.com/securedmcp/operator/controllers/render"
)

const (
	// firstRetry and lastRetry bound the pause after a failed pass, which
	// doubles with every failure in a row.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Minute
	// passTimeout ends a pass that hangs, for example on a cache that does not
	// see what was written.
	passTimeout = time.Minute
	// shutdownTimeout lets passes end that are under way, within the
	// terminationGracePeriodSeconds of the operator's own pods.
	shutdownTimeout = 20 * time.Second
	// probeTimeout is less than a kubelet waits for an answer.
	probeTimeout = 500 * time.Millisecond
)

// Run reconciles until ctx ends. It returns an error when the operator cannot
// start, cannot stop in time, or loses its leadership.
func Run(ctx context.Context, cfg *rest.Config, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(o.Logger.Handler()))
	klog.SetSlogLogger(o.Logger)
	// Passes that are under way when ctx ends have events, too.
	recording, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	mgr, err := newManager(ctx, recording, cfg, o)
	if err != nil {
		return err
	}
	o.Logger.Info("starting", "runtimeImage", o.RuntimeImage, "leaderElection", o.LeaderElect)
	return mgr.Start(ctx)
}

func newManager(ctx, recording context.Context, cfg *rest.Config, o Options) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	cfg = pace(cfg)
	if o.LeaderElect {
		cfg = new(fence).around(cfg)
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(o),
		Client:                        controllers.ClientOptions(),
		HealthProbeBindAddress:        o.HealthProbeBindAddress,
		Metrics:                       metrics(o.MetricsBindAddress),
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              o.leaderElectionName(),
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaseDuration:                 new(leaseDuration),
		RenewDeadline:                 new(renewDeadline),
		RetryPeriod:                   new(retryPeriod),
		LeaderElectionReleaseOnCancel: true, // the process ends right after
		GracefulShutdownTimeout:       new(shutdownTimeout),
	})
	if err != nil {
		return nil, fmt.Errorf("creating the manager: %w", err)
	}
	if err := controllers.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, fmt.Errorf("adding indexes: %w", err)
	}
	asker := controllers.NewAsker(mgr.GetClient(), controllers.NewPodClient())
	if o.LoopbackPods {
		asker.AllowLoopback()
	}
	if err := asker.SetupWithManager(mgr, controllerOptions(o)); err != nil {
		return nil, fmt.Errorf("setting up the questions to pods: %w", err)
	}
	prober, err := newProber(mgr, o)
	if err != nil {
		return nil, fmt.Errorf("setting up the questions to issuers: %w", err)
	}
	apis, err := controllers.NewAPIs(mgr)
	if err != nil {
		return nil, fmt.Errorf("setting up the optional APIs: %w", err)
	}
	recorder, err := newRecorder(recording, mgr)
	if err != nil {
		return nil, fmt.Errorf("setting up events: %w", err)
	}
	reconciler := controllers.NewReconciler(mgr.GetClient(), mgr.GetAPIReader(), asker, prober, apis, recorder, platform(o), o.Policy)
	if err := reconciler.SetupWithManager(mgr, controllerOptions(o)); err != nil {
		return nil, fmt.Errorf("setting up the controller: %w", err)
	}
	if err := mgr.Add(&history{api: mgr.GetAPIReader(), namespace: firstOf(o.Namespaces), logger: o.Logger}); err != nil {
		return nil, fmt.Errorf("setting up the watch over the history: %w", err)
	}
	return mgr, addProbes(mgr)
}

// newProber returns nil if issuers are not to be asked.
func newProber(mgr ctrl.Manager, o Options) (*controllers.Prober, error) {
	if !o.IssuerProbe {
		return nil, nil
	}
	prober := controllers.NewProber(mgr.GetAPIReader(), issuerprobe.NewClient(issuerprobe.Guarded(nil)))
	return prober, prober.SetupWithManager(mgr)
}

// cacheOptions narrows the cache to the namespaces and servers of o. Those
// namespaces are then all that the operator needs rights in.
func cacheOptions(o Options) cache.Options {
	opts := controllers.CacheOptions()
	if len(o.Namespaces) > 0 {
		opts.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range o.Namespaces {
			opts.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	if selector, err := labels.Parse(o.WatchLabelSelector); err == nil { // Validate has checked it
		controllers.Select(opts, selector)
	}
	return opts
}

func platform(o Options) controllers.Platform {
	return controllers.Platform{
		RuntimeImage:         o.RuntimeImage,
		OperatorNamespace:    cmp.Or(o.OperatorNamespace, podNamespace()),
		MonitoringNamespaces: o.MonitoringNamespaces,
		Cluster:              render.Cluster{Domain: o.ClusterDomain},
		DNSNamespaces:        o.DNSNamespaces,
	}
}

// firstOf is one of the namespaces that the operator has rights in, "" for all.
func firstOf(namespaces []string) string {
	if len(namespaces) == 0 {
		return ""
	}
	return namespaces[0]
}

// podNamespace is the namespace of the pod that this runs in, if it does.
func podNamespace() string {
	raw, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// newScheme knows the kinds that are watched and written, and no others.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		v1alpha1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme,
		policyv1.AddToScheme, autoscalingv2.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

func controllerOptions(o Options) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: o.MaxConcurrentReconciles,
		SkipNameValidation:      new(true), // one controller a manager; a test process has several managers
		ReconciliationTimeout:   passTimeout,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
	}
}

// pace leaves it to the API server's priority and fairness to slow the operator
// down; the client's own limit of 20 requests a second would make a GitOps sync
// of a thousand servers take minutes.
func pace(cfg *rest.Config) *rest.Config {
	paced := rest.CopyConfig(cfg)
	paced.QPS = -1
	return paced
}

func metrics(address string) metricsserver.Options {
	return metricsserver.Options{
		BindAddress:    address,
		SecureServing:  true,
		FilterProvider: filters.WithAuthenticationAndAuthorization,
	}
}

// addProbes has /healthz answer while the process works, and /readyz when the
// caches that this replica uses have filled. One that waits for leadership uses
// none and is ready.
func addProbes(mgr ctrl.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches have not filled")
		}
		return nil
	})
}
