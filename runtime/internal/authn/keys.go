package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/admission"
)

// KeysConfig says where verification keys come from and how long they last.
type KeysConfig struct {
	// Issuer is the issuer identifier.
	Issuer string
	// JWKSURI is where the keys are; empty means where the issuer's metadata says.
	JWKSURI string
	// Client fetches the issuer's documents; see NewClient.
	Client *http.Client
	// Refresh is how often the keys are fetched anew: the longest time that a
	// removed key is still accepted while the issuer can be reached. Default 5
	// minutes.
	Refresh time.Duration
	// Now is the clock that keys age by. Default time.Now.
	Now func() time.Time
	// Observer is told of each fetch; may be nil.
	Observer KeysObserver
	// Logger must not be nil.
	Logger *slog.Logger
}

// KeysObserver is told of each fetch of an issuer's keys.
type KeysObserver interface {
	KeysFetched(issuer string, err error)
	// KeyRefused is called for each key of a fetched set that is "private" or
	// "symmetric".
	KeyRefused(kind string)
}

const (
	defaultRefresh = 5 * time.Minute
	minRetry       = 5 * time.Second
	// Tokens with unknown keys, and keys that are too old, may cause this many fetches at once and then
	// one every refetchEvery, however many such tokens there are.
	refetchBurst = 3
	refetchEvery = 5 * time.Second
)

// Keys holds the verification keys of one issuer and keeps them current until
// Close.
type Keys struct {
	cfg     KeysConfig
	current atomic.Pointer[keySet]
	fetched atomic.Int64 // Unix nanoseconds of the last successful fetch

	mu      sync.Mutex // serializes fetches
	jwksURI string     // where keys were found last; guarded by mu

	flight  sync.Mutex
	pending *flight // the fetch that unknown keys wait for; guarded by flight
	budget  *rate.Limiter

	cancel context.CancelFunc
	done   chan struct{}
}

type flight struct{ done chan struct{} }

// NewKeys fetches the issuer's keys once and then keeps them fresh in the
// background. It fails when the issuer cannot be discovered or publishes no
// usable key.
func NewKeys(ctx context.Context, cfg KeysConfig) (*Keys, error) {
	if cfg.Refresh == 0 {
		cfg.Refresh = defaultRefresh
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	k := &Keys{
		cfg:    cfg,
		budget: rate.NewLimiter(rate.Every(refetchEvery), refetchBurst),
		done:   make(chan struct{}),
	}
	if err := k.fetch(ctx); err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k.cancel = cancel
	go func() {
		defer close(k.done)
		repeat(background, cfg.Refresh, k.refresh)
	}()
	return k, nil
}

// Close stops the refreshing. The keys stay usable.
func (k *Keys) Close() {
	k.cancel()
	<-k.done
}

// Age returns how long ago the keys were fetched.
func (k *Keys) Age() time.Duration {
	return k.cfg.Now().Sub(time.Unix(0, k.fetched.Load()))
}

// set returns the current keys. Where they were fetched longer ago than maxStale,
// which the configurations that share the keys may differ in, it fetches them
// first: an issuer that is back must not have to wait for the next refresh.
func (k *Keys) set(ctx context.Context, maxStale time.Duration) (*keySet, *Error) {
	if k.Age() <= maxStale {
		return k.current.Load(), nil
	}
	if _, err := k.refetchNow(ctx); err != nil {
		return nil, err
	}
	if k.Age() > maxStale {
		return nil, refuse(Unavailable, "the issuer's keys are too old and cannot be fetched")
	}
	return k.current.Load(), nil
}

// maxStale is how long t believes known keys while the issuer cannot be reached.
func maxStale(t *config.Tokens) time.Duration {
	return time.Duration(cmp.Or(t.StaleKeysSeconds, config.DefaultStaleKeysSeconds)) * time.Second
}

func (k *Keys) refresh(ctx context.Context) error {
	err := k.fetch(ctx)
	if err != nil && ctx.Err() == nil {
		k.cfg.Logger.Warn("keys not refreshed; known keys stay in use",
			"issuer", k.cfg.Issuer, "age", k.Age().Round(time.Second), "error", err)
	}
	return err
}

// fetch reads metadata and keys. Metadata is read each time too: issuers move
// their keys. While it cannot be read, keys come from where they were.
func (k *Keys) fetch(ctx context.Context) (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer func() { k.observe(err) }()
	undiscovered := k.locateLocked(ctx)
	if k.jwksURI == "" {
		return undiscovered
	}
	if err := k.fetchKeysLocked(ctx); err != nil {
		return errors.Join(undiscovered, err)
	}
	if undiscovered != nil && ctx.Err() == nil {
		k.cfg.Logger.Warn("metadata of the issuer not read; keys were fetched from where they were before",
			"issuer", k.cfg.Issuer, "jwksURI", k.jwksURI, "error", undiscovered)
	}
	return nil
}

// locateLocked finds out where the keys are.
func (k *Keys) locateLocked(ctx context.Context) error {
	if k.cfg.JWKSURI != "" {
		k.jwksURI = k.cfg.JWKSURI
		return nil
	}
	md, err := discover(ctx, k.cfg.Client, k.cfg.Issuer)
	if err != nil {
		return err
	}
	k.jwksURI = md.JWKSURI
	return nil
}

func (k *Keys) fetchKeysLocked(ctx context.Context) error {
	raw, err := fetchJSON(ctx, k.cfg.Client, k.jwksURI)
	if err != nil {
		return fmt.Errorf("fetching keys: %w", err)
	}
	next, err := parseKeySet(raw)
	if err != nil {
		return fmt.Errorf("reading keys from %s: %w", k.jwksURI, err)
	}
	prev := k.current.Load()
	k.reportRefused(prev, next)
	// An issuer that has taken all keys away has revoked them: that is obeyed, and
	// it is no reason to start with none.
	if prev == nil && len(next.keys) == 0 {
		return k.noKeys(next)
	}
	k.replace(prev, next)
	k.fetched.Store(k.cfg.Now().UnixNano())
	return nil
}

// replace puts next in the place of prev, nil for none.
func (k *Keys) replace(prev, next *keySet) {
	if prev != nil && prev.keeps(next) {
		next.generation, next.withdrawn = prev.generation, prev.withdrawn
		k.current.Store(next)
		return
	}
	next.withdrawn = make(chan struct{})
	if prev == nil {
		next.generation = 1
		k.current.Store(next)
		return
	}
	next.generation = prev.generation + 1
	k.current.Store(next)
	close(prev.withdrawn) // after Store: who comes back is judged by the new set
}

func (k *Keys) noKeys(set *keySet) error {
	if len(set.refused) > 0 {
		return fmt.Errorf("reading keys from %s: JWKS has no key left that verifies signatures: %s; want public keys only", k.jwksURI, describe(set.refused))
	}
	return fmt.Errorf("reading keys from %s: JWKS has no key that verifies signatures", k.jwksURI)
}

// reportRefused logs the secret keys of a set when they are others than before:
// the set is fetched every few minutes.
func (k *Keys) reportRefused(prev, next *keySet) {
	for _, r := range next.refused {
		if k.cfg.Observer != nil {
			k.cfg.Observer.KeyRefused(r.kind)
		}
	}
	if len(next.refused) > 0 && (prev == nil || !slices.Equal(prev.refused, next.refused)) {
		k.cfg.Logger.Error("the issuer publishes keys that are secret no more; they and their public parts are refused",
			"issuer", k.cfg.Issuer, "refused", describe(next.refused))
	}
}

func (k *Keys) observe(err error) {
	if k.cfg.Observer != nil {
		k.cfg.Observer.KeysFetched(k.cfg.Issuer, err)
	}
}

// refetch fetches the keys because a token names one that is not known. All callers
// of one moment share one fetch, and the budget bounds how many there are: where it
// is used up, they wait for the next, since to call the token of a new key bad would
// have a good client throw it away. They wait beside the requests that are worked on.
// It returns the newest keys, or an error where there was no place to wait.
func (k *Keys) refetch(ctx context.Context) (*keySet, *Error) {
	return k.await(ctx, k.join(ctx, 2*refetchEvery)) // more than the next takes to come
}

// refetchNow is refetch because the keys are too old. It waits for no budget: that a
// fetch has just failed is why they are.
func (k *Keys) refetchNow(ctx context.Context) (*keySet, *Error) {
	return k.await(ctx, k.join(ctx, 0))
}

// await returns the newest keys once r has ended; nil is none.
func (k *Keys) await(ctx context.Context, r *flight) (*keySet, *Error) {
	if r == nil {
		return k.current.Load(), nil
	}
	err := admission.FromContext(ctx).Wait(func() {
		select {
		case <-r.done:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return nil, crowded("too many requests wait for the issuer's keys")
	}
	return k.current.Load(), nil
}

// join returns the fetch under way, or begins one as soon as the budget allows. It
// returns nil if that is not within patience.
func (k *Keys) join(ctx context.Context, patience time.Duration) *flight {
	k.flight.Lock()
	defer k.flight.Unlock()
	if k.pending != nil {
		return k.pending
	}
	turn := k.budget.Reserve() // of which there is one at a time
	delay := turn.Delay()
	if delay > patience {
		turn.Cancel()
		return nil
	}
	r := &flight{done: make(chan struct{})}
	k.pending = r
	ctx = context.WithoutCancel(ctx)
	time.AfterFunc(delay, func() { k.runRefetch(ctx, r) })
	return r
}

func (k *Keys) runRefetch(ctx context.Context, r *flight) {
	// Its own deadline: the request that began it may go away while others wait.
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	k.mu.Lock()
	err := k.fetchKeysLocked(ctx)
	k.observe(err)
	k.mu.Unlock()
	if err != nil && !errors.Is(err, context.Canceled) {
		k.cfg.Logger.Warn("keys not fetched for a token", "issuer", k.cfg.Issuer, "error", err)
	}
	k.flight.Lock()
	k.pending = nil
	k.flight.Unlock()
	close(r.done)
}
