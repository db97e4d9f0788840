package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	// apisPeriod is how often to look which APIs there are: one small request for
	// each group. See docs/decisions/0040-optional-apis.md.
	apisPeriod = 10 * time.Second
	// apiTimeout ends the start of a watch that cannot be had, for example because
	// the operator's role is an older one.
	apiTimeout = 10 * time.Second
)

// APIs knows which of the optional kinds can be had at the moment. It is a source
// of the Reconciler: it starts and stops the watches of those kinds, and wakes
// all servers when one has come or gone.
type APIs struct {
	discovery discovery.ServerResourcesInterfaceWithContext
	cache     cache.Cache
	servers   client.Reader
	events    handler.EventHandler
	kinds     []optionalKind
	period    time.Duration

	queue  workqueue.TypedRateLimitingInterface[reconcile.Request]
	looked chan struct{}
	// ended are the kinds that have gone.
	ended map[string]bool

	mu sync.RWMutex
	// watches ends the watch of each kind that can be had.
	watches map[string]context.CancelFunc
	// problems is why a kind that the API server has cannot be had.
	problems map[string]error
}

// NewAPIs returns the APIs of the cluster that mgr is of.
func NewAPIs(mgr ctrl.Manager) (*APIs, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	return &APIs{
		discovery: d,
		cache:     mgr.GetCache(),
		servers:   mgr.GetClient(),
		events:    handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1alpha1.SecuredMCPServer{}, handler.OnlyControllerOwner()),
		kinds:     optionalKinds,
		period:    apisPeriod,
		looked:    make(chan struct{}),
		ended:     map[string]bool{},
		watches:   map[string]context.CancelFunc{},
		problems:  map[string]error{},
	}, nil
}

// Start looks which kinds there are, now and every period, until ctx ends.
func (a *APIs) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	a.queue = queue
	looked := sync.OnceFunc(func() { close(a.looked) })
	go wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := a.look(ctx); err != nil {
			log.FromContext(ctx).Error(err, "looking for optional APIs")
			return
		}
		looked()
	}, a.period)
	return nil
}

// WaitForSync has the Reconciler begin when it is known which kinds there are: a
// pass that did not know would report a route as missing at every start.
func (a *APIs) WaitForSync(ctx context.Context) error {
	select {
	case <-a.looked:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil // the operator ends
		}
		return fmt.Errorf("waiting to learn which APIs there are: %w", ctx.Err())
	}
}

// missing says why k cannot be had, or "" if it can.
func (a *APIs) missing(k optionalKind) string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if _, ok := a.watches[k.kind]; ok {
		return ""
	}
	if err := a.problems[k.kind]; err != nil {
		return fmt.Sprintf("the operator cannot watch %s (%s): %v", k.kind, k.version, err)
	}
	return fmt.Sprintf("the cluster does not have %s (%s): install %s", k.kind, k.version, k.install)
}

// missingKind is missing for one of the kinds by its name.
func (a *APIs) missingKind(kind string) string {
	i := slices.IndexFunc(a.kinds, func(k optionalKind) bool { return k.kind == kind })
	return a.missing(a.kinds[i])
}

// look compares what the API server has with what is watched.
func (a *APIs) look(ctx context.Context) error {
	served, err := a.served(ctx)
	if err != nil {
		return err // what was known holds until the API server can be asked
	}
	changed := false
	for _, k := range a.kinds {
		switch watched := a.missing(k) == ""; {
		case served[k.kind] && !watched:
			changed = a.begin(ctx, k) || changed
		case !served[k.kind] && watched:
			a.end(ctx, k)
			changed = true
		case !served[k.kind] && a.ended[k.kind]:
			a.forget(ctx, k) // a pass that was under way may have begun to watch it again
		}
	}
	if !changed {
		return nil
	}
	return a.wakeAll(ctx)
}

// served returns those of the kinds that the API server has.
func (a *APIs) served(ctx context.Context) (map[string]bool, error) {
	served := map[string]bool{}
	asked := map[schema.GroupVersion][]metav1.APIResource{}
	for _, k := range a.kinds {
		resources, known := asked[k.version]
		if !known {
			list, err := a.discovery.ServerResourcesForGroupVersionWithContext(ctx, k.version.String())
			switch {
			case err == nil:
				resources = list.APIResources
			case !apierrors.IsNotFound(err):
				return nil, fmt.Errorf("looking for %s: %w", k.version, err)
			}
			asked[k.version] = resources
		}
		served[k.kind] = slices.ContainsFunc(resources, func(r metav1.APIResource) bool { return r.Kind == k.kind })
	}
	return served, nil
}

// begin starts the watch of k, and tells whether there is something new: it can
// be had, or it cannot for another reason than before.
func (a *APIs) begin(ctx context.Context, k optionalKind) bool {
	watchCtx, stop := context.WithCancel(ctx)
	objects := source.Kind[client.Object](a.cache, k.object(), a.events)
	err := objects.Start(watchCtx, a.queue)
	if err == nil {
		syncCtx, cancel := context.WithTimeout(ctx, apiTimeout)
		defer cancel()
		err = objects.WaitForSync(syncCtx)
	}
	if ctx.Err() != nil {
		stop()
		return false // the operator ends
	}
	if err != nil {
		stop()
		err = errors.Join(err, a.cache.RemoveInformer(ctx, k.object()))
		log.FromContext(ctx).Error(err, "watching an optional API", "kind", k.kind)
	} else {
		log.FromContext(ctx).Info("optional API has come", "kind", k.kind, "version", k.version)
	}
	return a.note(k, stop, err)
}

func (a *APIs) note(k optionalKind, stop context.CancelFunc, err error) (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		before := a.problems[k.kind]
		a.problems[k.kind] = err
		return before == nil || before.Error() != err.Error()
	}
	delete(a.problems, k.kind)
	a.watches[k.kind] = stop
	return true
}

// end stops the watch of k, which would report for ever that there is none.
func (a *APIs) end(ctx context.Context, k optionalKind) {
	a.mu.Lock()
	a.watches[k.kind]()
	delete(a.watches, k.kind)
	a.mu.Unlock()
	log.FromContext(ctx).Info("optional API has gone", "kind", k.kind, "version", k.version)
	a.ended[k.kind] = true
	a.forget(ctx, k)
}

func (a *APIs) forget(ctx context.Context, k optionalKind) {
	if err := a.cache.RemoveInformer(ctx, k.object()); err != nil {
		log.FromContext(ctx).Error(err, "ending the watch of an optional API", "kind", k.kind)
	}
}

// wakeAll has the Reconciler look at every server: those that wait for a kind,
// and those that had an object of it.
func (a *APIs) wakeAll(ctx context.Context) error {
	var all v1alpha1.SecuredMCPServerList
	if err := a.servers.List(ctx, &all); err != nil {
		return fmt.Errorf("listing servers to wake: %w", err)
	}
	for i := range all.Items {
		a.queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
	}
	return nil
}
