package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

// askers keep the introspector of one issuer current until close: its endpoint
// moves, and it begins to sign its answers, without a word to us.
type askers struct {
	cfg     OpaqueConfig
	always  introspector // all but what is discovered
	current atomic.Pointer[introspector]

	flight singleflight.Group // the discovery that questions without an endpoint wait for
	budget *rate.Limiter      // of those

	mu      sync.Mutex // serializes discoveries
	keys    *Keys      // nil before the issuer signed its answers; guarded by mu
	release func()     // gives keys back; guarded by mu
	closed  bool       // nothing would give keys back any more; guarded by mu

	cancel context.CancelFunc
	done   chan struct{}
}

// newAskers discovers the issuer's introspection endpoint, unless that was done a
// short while ago, and goes on to do so in the background.
func newAskers(ctx context.Context, cfg OpaqueConfig, always introspector) (*askers, error) {
	a := &askers{
		cfg: cfg, always: always, release: func() {}, done: make(chan struct{}),
		budget: rate.NewLimiter(rate.Every(refetchEvery), 1),
	}
	md, err := cfg.Issuers.introspection(ctx, cfg.Client, cfg.Runtime.Issuer, cfg.CABundle)
	if err != nil {
		return nil, err
	}
	if err := a.adopt(ctx, md); err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	go func() {
		defer close(a.done)
		repeat(background, cmp.Or(cfg.Refresh, defaultRefresh), a.refresh)
	}()
	return a, nil
}

// close ends the discoveries and gives back what they hold.
func (a *askers) close() {
	a.cancel()
	<-a.done
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.release()
}

func (a *askers) refresh(ctx context.Context) error {
	err := a.discover(ctx)
	if err != nil && ctx.Err() == nil {
		a.cfg.Logger.Warn("metadata of the issuer not refreshed; what is known of it stays in use", "issuer", a.cfg.Runtime.Issuer, "error", err)
	}
	return err
}

func (a *askers) discover(ctx context.Context) error {
	md, err := a.cfg.Issuers.rediscover(ctx, a.cfg.Client, a.cfg.Runtime.Issuer, a.cfg.CABundle)
	if err != nil {
		return err
	}
	return a.adopt(ctx, md)
}

// adopt has the next questions asked as md says. Where answers are signed, and
// keys cannot be had, nothing changes.
func (a *askers) adopt(ctx context.Context, md *metadata) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed { // a question may be open for longer
		return nil
	}
	next := a.always
	next.endpoint = md.IntrospectionEndpoint
	if md.signsIntrospection(next.algorithms) {
		if a.keys == nil {
			if a.keys, a.release, err = a.acquireKeys(ctx); err != nil {
				return err
			}
		}
		next.keys = a.keys
	}
	prev := a.current.Swap(&next)
	if prev != nil && (prev.endpoint != next.endpoint || prev.keys != next.keys) {
		a.cfg.Logger.Info("the issuer is asked about tokens in another way", "issuer", next.issuer, "endpoint", next.endpoint, "signed", next.keys != nil)
	}
	return nil
}

func (a *askers) acquireKeys(ctx context.Context) (*Keys, func(), error) {
	keys, release, err := a.cfg.Keys(ctx)
	if err != nil {
		return nil, func() {}, fmt.Errorf("keys of signed introspection answers: %w", err)
	}
	return keys, release, nil
}

// ask asks the question where the issuer is known to take it, and once more if it
// takes it elsewhere by now.
func (a *askers) ask(ctx context.Context, token string) (claims, error) {
	asker := a.current.Load()
	answer, err := asker.ask(ctx, token)
	if !errors.Is(err, errNotThere) {
		return answer, err
	}
	if undiscovered := a.rediscover(ctx); undiscovered != nil {
		return nil, errors.Join(err, undiscovered)
	}
	if next := a.current.Load(); next.endpoint != asker.endpoint {
		return next.ask(ctx, token)
	}
	return nil, err
}

// rediscover is shared by all who ask at one moment, and does nothing if it was
// done a moment ago: a new token costs its sender nothing.
func (a *askers) rediscover(ctx context.Context) error {
	_, err, _ := a.flight.Do("", func() (any, error) {
		if !a.budget.Allow() {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		return nil, a.discover(ctx)
	})
	return err
}

// repeat does something now and then until ctx ends: every so often, and sooner
// after a failure.
func repeat(ctx context.Context, every time.Duration, do func(context.Context) error) {
	wait, retry := every, min(minRetry, every)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if do(ctx) == nil {
			wait, retry = every, min(minRetry, every)
			continue
		}
		wait, retry = retry, min(2*retry, every)
	}
}
