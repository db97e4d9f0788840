// Package admission bounds what is worked on at once, and who may wait. A
// request that has to wait for others before its caller is known gives up its
// place meanwhile: strangers who wait must not keep out those who are known.
package admission

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrFull says that there is no place, and ErrShare that the caller has had their part.
var (
	ErrFull  = errors.New("no place is free")
	ErrShare = errors.New("the caller has as much as one may have")
)

// shareOfSource is the part of a Room that one source may fill: a quarter.
const shareOfSource = 4

// restOfCaller is the part of a Gate that one caller leaves to the others: a quarter.
const restOfCaller = 4

// Gate bounds the requests that are worked on at once, and how many of them are one
// caller's.
type Gate struct {
	slots   chan struct{}
	callers *shares
	waiting *Room
}

// NewGate returns a Gate for limit requests, beside which as many may wait.
func NewGate(limit int) *Gate {
	return &Gate{
		slots:   make(chan struct{}, limit),
		callers: newShares(int64(limit), int64(limit-limit/restOfCaller)),
		waiting: NewRoom(limit),
	}
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
	caller string // of whose share the place is, empty before Claim
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

// Claim counts the place as one of the caller's, or returns false where the caller has
// as many as one may have. Only the goroutine that entered may call it, once.
func (p *Pass) Claim(caller string) bool {
	if p == nil {
		return true
	}
	if p.gate.callers.take(caller, 1) != nil {
		return false
	}
	p.caller = caller
	return true
}

// Leave gives the place back. Calls after the first do nothing.
func (p *Pass) Leave() {
	if p == nil || !p.inside.CompareAndSwap(true, false) {
		return
	}
	if p.caller != "" {
		p.gate.callers.give(p.caller, 1)
	}
	<-p.gate.slots
}

// Source is where the request comes from.
func (p *Pass) Source() string {
	if p == nil {
		return ""
	}
	return p.source()
}

// Wait gives the place up while wait runs, and takes one again. It returns
// ErrFull where there was no place to wait or is none to come back to, or none that the
// caller may have; wait has not run in the first case. Only the goroutine that entered may call it.
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
	if caller := p.caller; caller != "" {
		p.caller = ""
		if !p.Claim(caller) {
			return ErrFull
		}
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
