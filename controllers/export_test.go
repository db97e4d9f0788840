package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// StopClock has the status wait, and passes fail, for as long as the test likes.
func (r *Reconciler) StopClock() {
	stopped := time.Now()
	for _, p := range []*patience{&r.patience, &r.trouble} {
		p.now = func() time.Time { return stopped }
	}
}

// SettlePods has new pods count as soon as they are ready: between two looks at the
// clock passes what they need.
func (r *Reconciler) SettlePods() {
	at := time.Now()
	r.ready.now = func() time.Time {
		at = at.Add(settling)
		return at
	}
}

// LosePatience has the next pass over server write what it knows, as if it had
// waited for long.
func (r *Reconciler) LosePatience(server client.ObjectKey) {
	r.patience.left(server, 0)
	r.patience.mu.Lock()
	defer r.patience.mu.Unlock()
	r.patience.since[server] = time.Time{}
}

// LoseHope has the next pass over server believe that passes have failed for long.
func (r *Reconciler) LoseHope(server client.ObjectKey) {
	r.trouble.left(server, 0)
	r.trouble.mu.Lock()
	defer r.trouble.mu.Unlock()
	r.trouble.since[server] = time.Time{}
}

// LookEvery has a look for optional APIs every period, from its start on.
func (a *APIs) LookEvery(period time.Duration) { a.period = period }

// Troubled tells whether there is a kind that the API server has, and that could not
// be had when it was last looked for.
func (a *APIs) Troubled() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.problems) > 0
}

// AnswerNow puts what server wants to know of its issuer, as if it were time to.
func (p *Prober) AnswerNow(ctx context.Context, server *v1alpha1.SecuredMCPServer) (reconcile.Result, error) {
	p.probes.mu.Lock()
	for _, e := range p.probes.by {
		e.next = time.Time{}
	}
	p.probes.mu.Unlock()
	return p.Reconcile(ctx, questionOf(server))
}

// News are the servers that pods have something new to say about.
func (a *Asker) News() source.Source { return a.news.source() }
