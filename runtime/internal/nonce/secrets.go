package nonce

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/runtime/internal/sharedstore"
)

const (
	// epoch is how long a secret makes nonces.
	epoch = 24 * time.Hour
	// lifetime is how long the store keeps a secret: it is put there an epoch
	// ahead, so that an outage of the store of less than that goes unnoticed.
	lifetime = 3 * epoch
	// refreshEvery is how often the store is asked whether the secrets are still
	// those that it has: one that lost its memory gets them back, or all replicas
	// follow the one that came first.
	refreshEvery = time.Minute
	secretBytes  = 32
)

// Store is what Secrets need of a Redis client.
type Store interface {
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

type secret [secretBytes]byte

// Secrets are what nonces are made with, a new one each day, shared by replicas
// through Redis or Valkey. While the store does not answer, those that are known
// stay in use, and a replica that knows none makes its own.
type Secrets struct {
	store   Store
	breaker *sharedstore.Breaker
	prefix  string
	known   atomic.Pointer[map[int64]secret] // by epoch; replaced, never changed
	due     atomic.Int64                     // Unix nanoseconds of the next refresh
	mu      sync.Mutex                       // held while refreshing
}

// NewSecrets returns the secrets in store. The prefix keeps servers that share
// a store apart. What previous knows, unless it is nil, stays known: the store
// may be away when a configuration changes.
func NewSecrets(ctx context.Context, prefix string, store Store, breaker *sharedstore.Breaker, previous *Secrets) *Secrets {
	return newSecrets(ctx, time.Now(), prefix, store, breaker, previous)
}

func newSecrets(ctx context.Context, now time.Time, prefix string, store Store, breaker *sharedstore.Breaker, previous *Secrets) *Secrets {
	s := &Secrets{store: store, breaker: breaker, prefix: "securedmcp:dpop:nonce:" + prefix + ":"}
	s.known.Store(&map[int64]secret{})
	if previous != nil {
		s.known.Store(previous.known.Load())
	}
	s.refresh(ctx, now)
	return s
}

func epochOf(t time.Time) int64 { return t.Unix() / int64(epoch/time.Second) }

// of returns the secret of an epoch near now. One caller refreshes what is due
// while the others go on with what is known; all wait for what is not.
func (s *Secrets) of(ctx context.Context, now time.Time, epoch int64) (secret, bool) {
	if now.UnixNano() >= s.due.Load() && s.mu.TryLock() {
		s.refreshLocked(ctx, now)
		s.mu.Unlock()
	}
	if one, ok := (*s.known.Load())[epoch]; ok {
		return one, true
	}
	s.refresh(ctx, now)
	one, ok := (*s.known.Load())[epoch]
	return one, ok
}

func (s *Secrets) refresh(ctx context.Context, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshLocked(ctx, now)
}

// refreshLocked outlives the request that it happens in: one that is given up
// must not leave this replica with secrets of its own.
func (s *Secrets) refreshLocked(ctx context.Context, now time.Time) {
	if now.UnixNano() < s.due.Load() {
		return
	}
	wanted, wait := s.candidates(now), refreshEvery
	if err := s.breaker.Do(context.WithoutCancel(ctx), func(ctx context.Context) error { return s.agree(ctx, wanted) }); err != nil {
		wait = time.Second
	}
	s.known.Store(&wanted)
	s.due.Store(now.Add(wait).UnixNano())
}

// candidates are the secrets of yesterday, today and tomorrow: the known ones,
// or new ones.
func (s *Secrets) candidates(now time.Time) map[int64]secret {
	known, today := *s.known.Load(), epochOf(now)
	next := make(map[int64]secret, 3)
	for e := today - 1; e <= today+1; e++ {
		one, ok := known[e]
		if !ok {
			_, _ = rand.Read(one[:]) // it never fails
		}
		next[e] = one
	}
	return next
}

// agree offers the candidates to the store, which keeps what it has, and
// replaces them by what it has.
func (s *Secrets) agree(ctx context.Context, candidates map[int64]secret) error {
	has := make(map[int64]*redis.StringCmd, len(candidates))
	_, err := s.store.Pipelined(ctx, func(p redis.Pipeliner) error {
		for e, candidate := range candidates {
			key := s.prefix + strconv.FormatInt(e, 10)
			p.SetNX(ctx, key, candidate[:], lifetime)
			has[e] = p.Get(ctx, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for e, cmd := range has {
		if raw := cmd.Val(); len(raw) == secretBytes {
			candidates[e] = secret([]byte(raw))
		}
	}
	return nil
}
