package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// FieldOwner is the field manager of everything the operator writes.
const FieldOwner = "securedmcp-operator"

// Reconciler makes one SecuredMCPServer true.
type Reconciler struct {
	client client.Client
	// live reads past the cache, which holds only what has the operator's label.
	live  client.Reader
	asker *Asker
	// prober is nil if issuers are not to be asked.
	prober *Prober
	apis   *APIs
	events events.EventRecorder
	// platform is what the cluster's administrator has decided for all servers.
	platform Platform
	policy   Policy
	// patience is since when the status of servers waits.
	patience patience
	// trouble is since when their passes fail.
	trouble patience
	// ready is since when pods are ready, of servers whose pods are being replaced by
	// those that speak TLS, or no longer do.
	ready spells
	// anew is which Ingresses are made anew.
	anew renewals
	// kept has, by key, what was accepted last of servers whose newest spec is not.
	kept sync.Map
	// wary has the keys of servers whose children's names others have, or had.
	wary sync.Map
	// started is the time of the first pass.
	started func() time.Time
}

// Platform is what the administrator of the cluster has decided for all servers.
type Platform = desired.Platform

// NewReconciler returns a Reconciler that reads through c, whose cache
// CacheOptions describes and whose indexes AddIndexes added, and through live,
// which has no cache. What pods enforce it learns from asker, and of issuers from
// prober, which are set up beside it; a nil prober asks none. Which optional kinds
// there are it learns from apis.
func NewReconciler(c client.Client, live client.Reader, asker *Asker, prober *Prober, apis *APIs, recorder events.EventRecorder, platform Platform, policy Policy) *Reconciler {
	return &Reconciler{
		client: client.WithFieldOwner(optionalClient{c}, FieldOwner), live: live, asker: asker, prober: prober, apis: apis, events: recorder, platform: platform, policy: policy,
		started: sync.OnceValue(time.Now),
	}
}

// SetupWithManager lists what wakes the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, opts controller.Options) error {
	b := ctrl.NewControllerManagedBy(mgr).
		Named("securedmcpserver").
		WithOptions(opts).
		For(&v1alpha1.SecuredMCPServer{}).
		Owns(&corev1.ServiceAccount{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Service{}).
		Owns(&appsv1.Deployment{}).
		Owns(&networkingv1.Ingress{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Owns(&autoscalingv2.HorizontalPodAutoscaler{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(serverOfPod), builder.WithPredicates(podChangedVisibly)).
		Watches(&v1alpha1.SecuredMCPServer{}, rivals(r.client)).
		WatchesRawSource(r.asker.news.source()).
		WatchesRawSource(r.apis)
	if r.prober != nil {
		b = b.WatchesRawSource(r.prober.news.source())
	}
	return b.Complete(r)
}

// Reconcile runs one pass.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	server := new(v1alpha1.SecuredMCPServer)
	if err := r.client.Get(ctx, req.NamespacedName, server); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	if server.UID == "" {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil // owner references take the children along
	}
	if !server.DeletionTimestamp.IsZero() {
		r.forget(req.NamespacedName)
		return reconcile.Result{}, r.endRoutes(ctx, server)
	}
	r.started()
	s, err := r.decide(ctx, server)
	if err != nil {
		if apierrors.IsConflict(err) {
			return reconcile.Result{}, err // somebody else was quicker, and the next pass sees it
		}
		s.stumble(err)
		return s.result(err, r.report(ctx, s))
	}
	r.trouble.end(req.NamespacedName)
	s.finish()
	if left := r.left(s); left > 0 {
		s.soonest(left)
		return reconcile.Result{RequeueAfter: s.again}, s.tellingError()
	}
	return s.result(s.tellingError(), r.report(ctx, s))
}

// decide runs the phases, and if an object turns up that has a child's name and that
// the cache does not hold, a stranger's or one of ours that has lost its label, runs
// them anew with an eye on all such objects. It stays wary of this server until
// there are none.
func (r *Reconciler) decide(ctx context.Context, server *v1alpha1.SecuredMCPServer) (*scope, error) {
	key := client.ObjectKeyFromObject(server)
	s := newScope(server)
	s.lasting = r.trouble.left(key, troublePatience) == 0
	_, s.wary = r.wary.Load(key)
	err := r.runPhases(ctx, s)
	if !s.surprised || s.wary {
		return s, err
	}
	r.wary.Store(key, nil)
	return r.decide(ctx, server)
}

// forget drops what is remembered of a server that is gone.
func (r *Reconciler) forget(server client.ObjectKey) {
	r.patience.end(server)
	r.trouble.end(server)
	r.ready.end(server)
	r.anew.forget(server)
	r.wary.Delete(server)
	r.kept.Delete(server)
	if r.prober != nil {
		r.prober.issuers.forget(server)
	}
}

// left is how long the status waits for what is expected to change it.
func (r *Reconciler) left(s *scope) time.Duration {
	key, most := client.ObjectKeyFromObject(s.server), s.worthWaiting()
	if most == 0 {
		r.patience.end(key)
		return 0
	}
	return r.patience.left(key, most)
}

// runPhases returns why conditions could not be decided. A phase that fails keeps
// no other from being run, but for those that all the others stand on.
func (r *Reconciler) runPhases(ctx context.Context, s *scope) error {
	for _, phase := range []struct {
		run     func(context.Context, *scope) error
		decides string
	}{
		{r.findPods, ""}, // which are there?
		{r.acceptSpec, v1alpha1.ConditionAccepted},            // can the spec be served?
		{r.observeIssuer, v1alpha1.ConditionIssuerDiscovered}, // does the issuer answer as needed?
		{r.noteConfig, ""},                                 // what may pods have mounted?
		{r.applyChildren, ""},                              // server-side apply desired.*
		{r.announceConfig, ""},                             // have the kubelets refresh volumes
		{r.observeServed, ""},                              // what do the pods get? -> url, revision
		{r.withdrawRoutes, v1alpha1.ConditionExposed},      // is that another server's?
		{r.followPods, ""},                                 // routes that are not applied
		{r.observeWorkload, v1alpha1.ConditionAvailable},   // are the replicas available?
		{r.observeExposure, v1alpha1.ConditionExposed},     // do routes lead to it?
		{r.replaceRoutes, v1alpha1.ConditionExposed},       // is there one too many?
		{r.confirm, v1alpha1.ConditionEnforced},            // do the pods enforce it? -> replicas
		{r.observeMonitoring, v1alpha1.ConditionMonitored}, // does anybody watch it?
	} {
		if s.undecided[phase.decides] {
			continue
		}
		err := phase.run(ctx, s)
		switch {
		case err == nil:
		case phase.decides == "" || phase.decides == v1alpha1.ConditionAccepted:
			s.brokenOff = true
			return err
		default:
			s.leave(phase.decides, err)
		}
	}
	return errors.Join(s.failures...)
}
