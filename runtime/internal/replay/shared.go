package replay

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/runtime/internal/sharedstore"
)

// Store is what Shared needs of a Redis client.
type Store interface {
	SetNX(ctx context.Context, key string, value any, expiration time.Duration) *redis.BoolCmd
}

// Shared is a Once that replicas share through Redis or Valkey. Each replica has
// its own Memory too, which bounds what one owner may store, and which is all
// there is while the store does not answer.
type Shared struct {
	local   *Memory
	window  time.Duration
	prefix  string
	store   Store
	breaker *sharedstore.Breaker
}

// NewShared returns a Once over store. The prefix keeps servers that share a
// store apart.
func NewShared(local *Memory, window time.Duration, prefix string, store Store, breaker *sharedstore.Breaker) *Shared {
	return &Shared{local: local, window: window, prefix: "securedmcp:dpop:jti:" + prefix + ":", store: store, breaker: breaker}
}

// Use implements Once.
func (s *Shared) Use(ctx context.Context, owner, id ID) error {
	if err := s.local.Use(ctx, owner, id); err != nil {
		return err
	}
	first := true
	err := s.breaker.Do(ctx, func(ctx context.Context) (err error) {
		first, err = s.store.SetNX(ctx, s.prefix+hex.EncodeToString(id[:]), "", s.window).Result()
		return err
	})
	switch {
	case err == nil && !first:
		return ErrUsed
	case err != nil && ctx.Err() != nil:
		return err // whoever leaves early is not spared the question
	}
	return nil // an outage is reported by the breaker; this replica remembers
}

// Used implements Once. It knows what was used at this replica.
func (s *Shared) Used(id ID) bool { return s.local.Used(id) }
