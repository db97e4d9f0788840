package controllers

import (
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
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
	if !c.wanted { // none takes its place, and one that is asked for some day is another
		r.gone.Delete(key)
		return nil
	}
	switch {
	case !c.exists():
		if gone, ok := r.gone.Load(key); ok && ours(gone.(*networkingv1.Ingress), server) {
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
