package controllers

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LosePatience has the next pass over server write what it knows, as if it had
// waited for long.
func (r *Reconciler) LosePatience(server client.ObjectKey) {
	r.patience.left(server, 0)
	r.patience.mu.Lock()
	defer r.patience.mu.Unlock()
	r.patience.since[server] = time.Time{}
}

// LookEvery has a look for optional APIs every period, from its start on.
func (a *APIs) LookEvery(period time.Duration) { a.period = period }
