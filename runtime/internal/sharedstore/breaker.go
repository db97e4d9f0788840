// Package sharedstore asks a store that replicas share, Redis or Valkey, and
// that may be away: no request waits long for it, and few wait at all while it
// does not answer.
package sharedstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// retryEvery is how often a store that does not answer is tried again.
const retryEvery = time.Second

// ErrAway says that the store did not answer a moment ago and is not asked
// again yet.
var ErrAway = errors.New("the shared store does not answer")

// Breaker stands between the requests and the store. It is safe for concurrent
// use.
type Breaker struct {
	timeout time.Duration
	changed func(err error)
	down    atomic.Bool
	retryAt atomic.Int64 // Unix nanoseconds; only while down
}

// NewBreaker returns a Breaker that believes the store to be there and gives it
// timeout to answer. It calls changed with an error once the store stops answering
// and with nil once it answers again.
func NewBreaker(timeout time.Duration, changed func(err error)) *Breaker {
	return &Breaker{timeout: timeout, changed: changed}
}

// Up tells whether the store answered when it was last asked. A nil Breaker is one
// of no store.
func (b *Breaker) Up() bool { return b != nil && !b.down.Load() }

// Do runs ask, within the timeout. While the store is away it returns ErrAway at
// once, but for one call a second that finds out whether the store is back.
func (b *Breaker) Do(ctx context.Context, ask func(context.Context) error) error {
	if b.down.Load() && !b.mayRetry() {
		return ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	err := ask(bounded)
	if err != nil && ctx.Err() != nil {
		return err // the caller left, which says nothing about the store
	}
	b.report(err)
	return err
}

func (b *Breaker) mayRetry() bool {
	at, now := b.retryAt.Load(), time.Now()
	return now.UnixNano() >= at && b.retryAt.CompareAndSwap(at, now.Add(retryEvery).UnixNano())
}

func (b *Breaker) report(err error) {
	down := err != nil
	if down {
		b.retryAt.Store(time.Now().Add(retryEvery).UnixNano())
	}
	if b.down.Swap(down) != down {
		b.changed(err)
	}
}
