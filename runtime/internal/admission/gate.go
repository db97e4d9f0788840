// Package admission bounds what is worked on at once, and who may wait. A
// request that has to wait for others before its caller is known gives up its
// place meanwhile: strangers who wait must not keep out those who are known.
package admission

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrFull says that there is no place.
var ErrFull = errors.New("no place is free")

// shareOfSource is the part of a Room that one source may fill: a quarter.
const shareOfSource = 4

// Gate bounds the requests that are worked on at once.
type Gate struct {
	slots   chan struct{}
	waiting *Room
}

// NewGate returns a Gate for limit requests, beside which as many may wait.
func NewGate(limit int) *Gate {
	return &Gate{slots: make(chan struct{}, limit), waiting: NewRoom(limit)}
}

// Enter lets a request in, or returns false. The source tells where it comes from,
// see Source; it is asked only where somebody has to wait.
func (g *Gate) Enter(source func() string) (*Pass, bool) {
	p := &Pass{gate: g, source: source}
	return p, p.enter()
}

// Pass is the place of one request. A nil Pass is that of work that no Gate
// bounds.
type Pass struct {
	gate   *Gate
	source func() string
	inside atomic.Bool
}

func (p *Pass) enter() bool {
	select {
	case p.gate.slots <- struct{}{}:
		p.inside.Store(true)
		return true
	default:
		return false
	}
}

// Leave gives the place back. Calls after the first do nothing.
func (p *Pass) Leave() {
	if p != nil && p.inside.CompareAndSwap(true, false) {
		<-p.gate.slots
	}
}

// Source is where the request comes from.
func (p *Pass) Source() string {
	if p == nil {
		return ""
	}
	return p.source()
}

// Wait gives the place up while wait runs, and takes one again. It returns
// ErrFull where there was no place to wait or is none to come back to; wait has
// not run in the first case. Only the goroutine that entered may call it.
func (p *Pass) Wait(wait func()) error {
	if p == nil {
		wait()
		return nil
	}
	leave, ok := p.gate.waiting.Enter(p.source())
	if !ok {
		return ErrFull
	}
	defer leave()
	p.Leave()
	wait()
	if !p.enter() {
		return ErrFull
	}
	return nil
}

type passKey struct{}

// WithPass returns a context that carries p, which may be nil.
func WithPass(ctx context.Context, p *Pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

// FromContext returns the request's place, or nil.
func FromContext(ctx context.Context) *Pass {
	p, _ := ctx.Value(passKey{}).(*Pass)
	return p
}
