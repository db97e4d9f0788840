package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	fieldManager = "ingress-nginx"
	// settle is how long changes are collected: a rollout changes an EndpointSlice many times a second.
	settle = 50 * time.Millisecond
	// retryAfter is how long a failed pass waits.
	retryAfter = time.Second
)

// Options are what the controller is told by its flags.
type Options struct {
	Address string // the IP address that Ingresses get in their status
	Dir     string // for nginx's files; created if absent
	Program string // nginx
	Health  string // listen address of /healthz
}

type controller struct {
	client   kubernetes.Interface
	log      *slog.Logger
	opts     Options
	nginx    *nginx
	fallback []byte // certificate and key
	changed  chan struct{}
	synced   atomic.Bool

	ingresses networkinglisters.IngressLister
	services  corelisters.ServiceLister
	secrets   corelisters.SecretLister
	slices    discoverylisters.EndpointSliceLister
	gateways  gatewayAPI
}

// Run serves Ingresses, and the HTTPRoutes of Gateways, until ctx is done or nginx ends.
func Run(ctx context.Context, client kubernetes.Interface, gateways dynamic.Interface, log *slog.Logger, opts Options) error {
	fallback, err := selfSigned(time.Now())
	if err != nil {
		return err
	}
	c := &controller{
		client: client, log: log, opts: opts, fallback: fallback,
		nginx:   newNginx(opts.Program, opts.Dir),
		changed: make(chan struct{}, 1),
	}
	c.gateways = gatewayAPI{client: gateways, handler: c.kicker()}
	defer c.nginx.stop()
	if err := c.applyClass(ctx); err != nil {
		return err
	}
	if err := c.watch(ctx); err != nil {
		return err
	}
	go c.serveHealth(ctx)
	return c.loop(ctx)
}

func (c *controller) applyClass(ctx context.Context) error {
	class := networkingv1ac.IngressClass(ClassName).
		WithSpec(networkingv1ac.IngressClassSpec().WithController("k8s.io/ingress-nginx"))
	_, err := c.client.NetworkingV1().IngressClasses().Apply(ctx, class, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("applying IngressClass: %w", err)
	}
	return nil
}

func (c *controller) watch(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(c.client, 0)
	c.ingresses = factory.Networking().V1().Ingresses().Lister()
	c.services = factory.Core().V1().Services().Lister()
	c.secrets = factory.Core().V1().Secrets().Lister()
	c.slices = factory.Discovery().V1().EndpointSlices().Lister()
	kick := c.kicker()
	for _, informer := range []cache.SharedIndexInformer{
		factory.Networking().V1().Ingresses().Informer(),
		factory.Core().V1().Services().Informer(),
		factory.Core().V1().Secrets().Informer(),
		factory.Discovery().V1().EndpointSlices().Informer(),
	} {
		if _, err := informer.AddEventHandler(kick); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	for kind, ok := range factory.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return fmt.Errorf("listing %v: %w", kind, context.Cause(ctx))
		}
	}
	c.kick() // an empty cluster has a configuration too
	return c.gateways.watchDefinitions(ctx)
}

func (c *controller) kicker() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { c.kick() },
		UpdateFunc: func(any, any) { c.kick() },
		DeleteFunc: func(any) { c.kick() },
	}
}

// kick asks for a pass; one that is already asked for covers this change too.
func (c *controller) kick() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *controller) loop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.nginx.exited:
			return err
		case <-c.changed:
		}
		pause(ctx, settle)
		if err := c.sync(ctx); err != nil {
			c.log.Error("serving the Ingresses", "error", err)
			time.AfterFunc(retryAfter, c.kick)
		}
	}
}

// sync makes nginx serve what the caches show, then says so in the status of what is served.
func (c *controller) sync(ctx context.Context) error {
	if err := c.gateways.settle(ctx); err != nil {
		return err
	}
	snap, err := c.snapshot()
	if err != nil {
		return err
	}
	snap.attachRoutes(c.opts.Address)
	certs := newCertStore(c.fallback)
	text, err := render(buildConfig(snap, certs), c.opts.Dir)
	if err != nil {
		return err
	}
	before := c.nginx.version
	if err := c.nginx.apply(ctx, text, certs.files); err != nil {
		return err
	}
	if before != c.nginx.version {
		c.log.Info("configuration in force", "version", c.nginx.version, "ingresses", len(snap.ingresses))
	}
	c.synced.Store(true)
	return errors.Join(c.applyStatus(ctx, snap.ingresses), c.gateways.applyStatus(ctx, snap))
}

func (c *controller) snapshot() (*snapshot, error) {
	snap := newSnapshot()
	ingresses, err1 := c.ingresses.List(labels.Everything())
	services, err2 := c.services.List(labels.Everything())
	secrets, err3 := c.secrets.List(labels.Everything())
	endpointSlices, err4 := c.slices.List(labels.Everything())
	for _, ing := range ingresses {
		snap.addIngress(ing)
	}
	for _, s := range services {
		snap.addService(s)
	}
	for _, s := range secrets {
		snap.addSecret(s)
	}
	for _, s := range endpointSlices {
		snap.addSlice(s)
	}
	return snap, errors.Join(err1, err2, err3, err4, c.gateways.fill(snap))
}

func (c *controller) applyStatus(ctx context.Context, ingresses []*networkingv1.Ingress) error {
	var errs []error
	for _, ing := range ingresses {
		if have := ing.Status.LoadBalancer.Ingress; len(have) == 1 && have[0].IP == c.opts.Address {
			continue
		}
		status := networkingv1ac.Ingress(ing.Name, ing.Namespace).WithStatus(networkingv1ac.IngressStatus().
			WithLoadBalancer(networkingv1ac.IngressLoadBalancerStatus().
				WithIngress(networkingv1ac.IngressLoadBalancerIngress().WithIP(c.opts.Address))))
		_, err := c.client.NetworkingV1().Ingresses(ing.Namespace).
			ApplyStatus(ctx, status, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		if err != nil {
			errs = append(errs, fmt.Errorf("applying the status of Ingress %s/%s: %w", ing.Namespace, ing.Name, err))
		}
	}
	return errors.Join(errs...)
}

// serveHealth answers 200 once the first configuration is in force.
func (c *controller) serveHealth(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !c.synced.Load() {
			http.Error(w, "no configuration is in force yet", http.StatusServiceUnavailable)
		}
	})
	srv := &http.Server{Addr: c.opts.Health, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		c.log.Error("serving health", "error", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
