package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/runtime/internal/sharedstore"
)

// take is the algorithm of next on the store, with the store's clock, so that
// replicas whose clocks differ agree. It answers the nanoseconds to wait, 0 for
// now.
var take = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = tonumber(redis.call('GET', KEYS[1]) or '0')
local due = math.max(arrival, now) + interval
local ahead = due - now - tolerance
if ahead > 0 then return ahead end
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
return 0
`)

// Shared is a Limiter that replicas share through Redis or Valkey. While the
// store does not answer each replica limits on its own.
type Shared struct {
	rate     Rate
	prefix   string
	store    redis.Scripter
	fallback *Local
	breaker  *sharedstore.Breaker
}

// NewShared returns a Limiter over store. The prefix keeps servers that share a
// store apart. The rate is that of fallback. Each rate has arrivals of its own: what
// was taken under another one, years of it perhaps, is not owed under this one.
func NewShared(prefix string, store redis.Scripter, fallback *Local, breaker *sharedstore.Breaker) *Shared {
	rate := fallback.rate
	prefix = fmt.Sprintf("securedmcp:rate:%s:%d:%d:", prefix, rate.Interval, rate.Burst)
	return &Shared{rate: rate, prefix: prefix, store: store, fallback: fallback, breaker: breaker}
}

// Take implements Limiter.
func (s *Shared) Take(ctx context.Context, identity string, n int) Verdict {
	// Identities are personal data: the store sees their digests.
	sum := sha256.Sum256([]byte(identity))
	key := s.prefix + hex.EncodeToString(sum[:16])
	var wait int64
	err := s.breaker.Do(ctx, func(ctx context.Context) (err error) {
		wait, err = take.Run(ctx, s.store, []string{key}, int64(n)*s.rate.Interval.Microseconds(), s.rate.tolerance().Microseconds()).Int64()
		return err
	})
	switch {
	case err != nil:
		return s.fallback.Take(ctx, identity, n)
	case wait > 0:
		return Verdict{RetryAfter: time.Duration(wait) * time.Microsecond}
	}
	return Verdict{Allowed: true}
}
