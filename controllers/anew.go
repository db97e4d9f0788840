package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// anewPeriod is how often, at most, an Ingress is made anew for one class. Whoever
// gives it another each time finds it changed in place until then.
const anewPeriod = time.Minute

// A quota counts an Ingress for a moment longer than it is there. For quotaSpell one
// that is refused in its place is tried again every quotaPatience.
const (
	quotaSpell    = 10 * time.Second
	quotaPatience = 2 * time.Second
)

// makeWay deletes the Ingress if its class changes, and leaves c with what is there
// then. The address in its status is that of the controller that had it: an Ingress does
// not say whose its address is, and one that is made anew has none.
func (r *Reconciler) makeWay(ctx context.Context, s *scope, c *child) error {
	live, ok := c.live.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	key, want := client.ObjectKeyFromObject(s.server), c.fields().(*networkingv1ac.IngressApplyConfiguration)
	if r.anew.lately(key, classWanted(want)) {
		return nil
	}
	changes, err := r.changesClass(ctx, live, want)
	if !changes || err != nil {
		return err
	}
	if err := r.remove(ctx, s.server, c); err != nil {
		return err
	}
	r.anew.note(key, classWanted(want), live)
	*live = networkingv1.Ingress{}
	// The cache has seen the deletion by the time that it answers.
	if err := client.IgnoreNotFound(r.client.Get(ctx, key, live)); err != nil {
		return err
	}
	if c.exists() && !c.leaves() {
		return fmt.Errorf("making %s anew: another of this name has come", c.kind)
	}
	return nil
}

// changesClass tells whether the class of live changes by applying want. What seems to
// change it is applied for a trial: what the API server, a policy or a webhook refuses
// takes nothing away, and where a webhook has its own way the class stays.
func (r *Reconciler) changesClass(ctx context.Context, live *networkingv1.Ingress, want *networkingv1ac.IngressApplyConfiguration) (bool, error) {
	applied, err := appliedOf(live)
	if err != nil {
		return false, err
	}
	has, wanted := classOf(live), classWanted(want)
	if wanted == has || wanted.torn() || wanted.isNone() && applied.class().isNone() {
		return false, nil // what nobody asks for is the cluster's default
	}
	encoded, err := json.Marshal(want)
	if err != nil {
		return false, err
	}
	trial := new(networkingv1ac.IngressApplyConfiguration) // the answer is written into it
	if err := json.Unmarshal(encoded, trial); err != nil {
		return false, err
	}
	err = r.client.Apply(ctx, trial.WithUID(live.UID), client.ForceOwnership, client.DryRunAll, client.DisableReadYourWritesConsistency)
	return err == nil && classWanted(trial) != has, err
}

// leaves tells whether c is an Ingress that is being deleted, which somebody's
// finalizer may make last. It is nobody's route to count on, and what it is of matters to
// whoever clears up after it.
func (c *child) leaves() bool {
	return c.kind == kindIngress && c.exists() && !c.live.GetDeletionTimestamp().IsZero()
}

// leadLeaving has an Ingress that leaves lead to the pods that serve, and nothing else.
func (r *Reconciler) leadLeaving(ctx context.Context, s *scope, c *child) error {
	if leadsToTLS(c.live) == s.change.tls {
		return nil
	}
	return r.lead(ctx, c, s.change.tls)
}

// leavingLast puts a route that is not leaving before one that is.
func leavingLast(routes []child) []child {
	if len(routes) > 1 && routes[0].leaves() {
		slices.Reverse(routes)
	}
	return routes
}

// judgeLeaving sets Exposed while the Ingress is being deleted, whose address is that of
// whoever lets go of it.
func (s *scope) judgeLeaving(ingress *networkingv1.Ingress) {
	next := "another is made when it has gone"
	if !s.applies(kindIngress) {
		next = "none is made in its place before a spec is accepted"
	}
	s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonRouteEnding, fmt.Sprintf(
		"the Ingress is being deleted, and %s; it goes when nobody holds it any more by the finalizers %s",
		next, strings.Join(ingress.Finalizers, ", ")))
	s.expect(v1alpha1.ConditionExposed, propagationPatience)
}

// renewals remembers which Ingresses are made anew. The zero value is ready for use.
type renewals struct {
	// last has by server the class for which its Ingress was made anew, and when.
	last sync.Map
	// gone has by server the Ingress that goes, until there is the one in its place.
	gone sync.Map
}

type renewal struct {
	class ingressClass
	at    time.Time
}

func (r *renewals) note(server client.ObjectKey, class ingressClass, old *networkingv1.Ingress) {
	r.last.Store(server, renewal{class, time.Now()})
	r.gone.Store(server, old.DeepCopy())
}

// lately tells whether the Ingress of server was made anew for class in the last anewPeriod.
func (r *renewals) lately(server client.ObjectKey, class ingressClass) bool {
	last, ok := r.last.Load(server)
	return ok && last.(renewal).class == class && time.Since(last.(renewal).at) < anewPeriod
}

// again is when to try again a child of server that the API server has refused.
func (r *renewals) again(server *v1alpha1.SecuredMCPServer, c *child) time.Duration {
	last, ok := r.last.Load(client.ObjectKeyFromObject(server))
	if ok && c.kind == kindIngress && !c.exists() && time.Since(last.(renewal).at) < quotaSpell {
		return quotaPatience
	}
	return refusedPeriod
}

// before returns the Ingress that clients come by or, where another is to take its
// place, came by last; nil if nothing is known of one.
func (r *renewals) before(server *v1alpha1.SecuredMCPServer, c *child) *networkingv1.Ingress {
	key := client.ObjectKeyFromObject(server)
	live := c.live.(*networkingv1.Ingress)
	switch {
	case !c.exists():
		if gone, ok := r.gone.Load(key); ok {
			return gone.(*networkingv1.Ingress)
		}
		return nil
	case !ours(live, server):
		return nil
	case c.leaves():
		r.gone.Store(key, live.DeepCopy())
	default:
		r.gone.Delete(key)
	}
	return live
}

func (r *renewals) forget(server client.ObjectKey) {
	r.last.Delete(server)
	r.gone.Delete(server)
}
