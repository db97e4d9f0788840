package controllers

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/configz"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

const (
	// questionsAtOnce bounds the questions to pods that are under way, over all
	// servers. Most are answered in a millisecond; a pod that cannot be reached
	// takes configz.Timeout.
	questionsAtOnce = 32
	// endingPause is for pods that end and do not answer any more, endingSlack what
	// a kubelet may take, beyond their time, to say that they have.
	endingPause = 2 * time.Second
	endingSlack = 10 * time.Second
)

// Asker asks every pod that takes requests what it enforces, and wakes the Reconciler when
// there is something new. It is a controller of its own so that pods that do not
// answer keep no server waiting.
type Asker struct {
	client  client.Reader
	configz *configz.Client
	answers answers
	news    bell
	// again has pods asked that no change of theirs reports.
	again bell
	// loopback tells that pods may have loopback addresses.
	loopback bool
}

// NewAsker returns an Asker that finds pods through c and asks them through pods;
// see NewPodClient.
func NewAsker(c client.Reader, pods *http.Client) *Asker {
	return &Asker{client: c, configz: configz.NewClient(pods)}
}

// AllowLoopback has pods asked at loopback addresses, where those of tests are.
func (a *Asker) AllowLoopback() { a.loopback = true }

// NewPodClient returns the HTTP client for questions to pods, bounded in time.
func NewPodClient() *http.Client { return configz.NewHTTPClient() }

// SetupWithManager has pods asked when they become ready or cease to be, when they
// are given another configuration, and now and then.
func (a *Asker) SetupWithManager(mgr ctrl.Manager, opts controller.Options) error {
	opts.MaxConcurrentReconciles = questionsAtOnce
	return ctrl.NewControllerManagedBy(mgr).
		Named("enforcement").
		WithOptions(opts).
		For(&corev1.Pod{}, builder.WithPredicates(podIsAskedAnew)).
		Watches(&v1alpha1.SecuredMCPServer{}, handler.EnqueueRequestsFromMapFunc(a.podsOf), builder.WithPredicates(comes)).
		WatchesRawSource(a.again.source()).
		Complete(a)
}

// Reconcile asks one pod.
func (a *Asker) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var p corev1.Pod
	if err := a.client.Get(ctx, req.NamespacedName, &p); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	switch {
	case p.UID == "" || isOver(&p) || !isOfDeployment(&p):
		a.answers.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	case !takesRequests(&p):
		a.answers.silence(&p)
		return reconcile.Result{}, nil
	}
	if is, err := a.isOfServer(ctx, &p); !is || err != nil {
		return reconcile.Result{}, err
	}
	ending := a.isEnding(&p)
	round := a.answers.begin(&p)
	what := a.ask(ctx, &p)
	if ctx.Err() != nil {
		return reconcile.Result{}, nil // the operator ends
	}
	if what.unreachable != "" && ending {
		return reconcile.Result{RequeueAfter: endingPause}, nil
	}
	wanted := what.unreachable == "" && what.Refusal == "" && what.Revision == a.answers.revisionFor(&p)
	news, attempts := a.answers.record(&p, round, what, wanted)
	if news {
		for _, server := range serverOfPod(ctx, &p) {
			a.news.ring(server)
		}
	}
	return reconcile.Result{RequeueAfter: pausesFor(what.unreachable != "").after(attempts)}, nil
}

// isOfServer tells whether p is of a server that this operator looks after. The
// others of the cluster, those of another operator with --watch-label-selector among
// them, have NetworkPolicies that keep it from asking, and it would wait for each.
func (a *Asker) isOfServer(ctx context.Context, p *corev1.Pod) (bool, error) {
	for _, server := range serverOfPod(ctx, p) {
		err := a.client.Get(ctx, server.NamespacedName, new(v1alpha1.SecuredMCPServer))
		return err == nil, client.IgnoreNotFound(err)
	}
	return false, nil
}

// podsOf has the pods asked of a server that comes: they may have been there before,
// such as when it gets the labels that this operator looks for.
func (a *Asker) podsOf(ctx context.Context, server client.Object) []reconcile.Request {
	var pods corev1.PodList
	if err := a.client.List(ctx, &pods, client.InNamespace(server.GetNamespace()), client.MatchingFields{serverIndex: server.GetName()}); err != nil {
		log.FromContext(ctx).Error(err, "listing the pods of a server that came", "server", client.ObjectKeyFromObject(server))
		return nil
	}
	requests := make([]reconcile.Request, len(pods.Items))
	for i := range pods.Items {
		requests[i] = reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&pods.Items[i])}
	}
	return requests
}

func (a *Asker) ask(ctx context.Context, p *corev1.Pod) said {
	if !a.isPodAddress(p.Status.PodIP) {
		return said{unreachable: "no pod has such an address"}
	}
	answer, err := a.configz.Ask(ctx, adminAddress(p))
	if err != nil {
		return said{unreachable: err.Error()}
	}
	return said{Answer: answer}
}

// isPodAddress refuses addresses that reach something else than a pod, such as
// the node's metadata service, or what listens beside the operator. Who may write a
// pod's status can put any there.
func (a *Asker) isPodAddress(ip string) bool {
	at, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	at = at.Unmap()
	return !at.IsLinkLocalUnicast() && !at.IsUnspecified() && !at.IsMulticast() && (a.loopback || !at.IsLoopback())
}

func adminAddress(p *corev1.Pod) string {
	return net.JoinHostPort(p.Status.PodIP, strconv.Itoa(desired.AdminPort))
}

// isEnding tells whether p is being deleted and has time left. It takes its
// listener along before anybody says that its runtime has ended, so silence is no
// news then. After that time it is: the node may be cut off, and p serve on.
func (a *Asker) isEnding(p *corev1.Pod) bool {
	if p.DeletionTimestamp.IsZero() {
		return false
	}
	limit := endingSlack
	if grace := p.DeletionGracePeriodSeconds; grace != nil {
		limit += time.Duration(*grace) * time.Second
	}
	return a.answers.ending(p) < limit
}

// pausesFor are those between the questions to a pod. The first one is less than a
// kubelet needs to bring a configuration to it. Each question to a pod that does not
// answer costs a worker the whole timeout.
func pausesFor(unreachable bool) backoff {
	b := backoff{resting: 5 * time.Minute, first: 150 * time.Millisecond, last: 30 * time.Second}
	if unreachable {
		b.last = 5 * time.Minute
	}
	return b
}

// comes lets through that an object is there which was not.
var comes = predicate.Funcs{
	UpdateFunc:  func(event.UpdateEvent) bool { return false },
	DeleteFunc:  func(event.DeleteEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
}

// podIsAskedAnew lets those changes through after which the last answer may not
// hold.
var podIsAskedAnew = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
		return before.UID != now.UID ||
			takesRequests(before) != takesRequests(now) ||
			isReady(before) != isReady(now) ||
			before.DeletionTimestamp.IsZero() != now.DeletionTimestamp.IsZero() ||
			before.Status.PodIP != now.Status.PodIP ||
			before.Annotations[desired.AnnotationConfigRevision] != now.Annotations[desired.AnnotationConfigRevision]
	},
}
