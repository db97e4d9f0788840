package controllers

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// propagationPatience is how long the status waits for what usually takes a
	// fraction of a second: the pods to enforce an edit, the Deployment controller
	// to see one.
	propagationPatience = 3 * time.Second
	// troublePatience is how long passes may fail before the status says so.
	troublePatience = 30 * time.Second
	// questionPatience is how long it waits for pods that have never been asked, in
	// the startPeriod of an operator with perhaps a thousand servers. Later, a pod
	// that nobody has asked is asked at once, or something is wrong.
	questionPatience = 30 * time.Second
	startPeriod      = time.Minute
)

// patience remembers since when the status of servers waits. The zero value is
// ready for use.
type patience struct {
	mu    sync.Mutex
	since map[client.ObjectKey]time.Time
	now   func() time.Time // nil is time.Now
}

// left is how much of most remains, counted from the first call since the last
// end. 0 is nothing.
func (p *patience) left(server client.ObjectKey, most time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since == nil {
		p.since = map[client.ObjectKey]time.Time{}
	}
	now := time.Now
	if p.now != nil {
		now = p.now
	}
	since, ok := p.since[server]
	if !ok {
		since = now()
		p.since[server] = since
	}
	return max(0, most-now().Sub(since))
}

// end forgets the server: there is nothing to wait for.
func (p *patience) end(server client.ObjectKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, server)
}

// questionPatience is how long to wait for an answer of pods never asked.
func (r *Reconciler) questionPatience() time.Duration {
	if time.Since(r.started()) < startPeriod {
		return questionPatience
	}
	return propagationPatience
}
