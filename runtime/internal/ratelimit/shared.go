package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// sharedTimeout bounds what a request waits for the shared store.
const sharedTimeout = 100 * time.Millisecond

// retryShared is how often a store that does not answer is tried again.
const retryShared = time.Second

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

// Observer is told when the store stops and starts answering.
type Observer interface {
	RateLimitShared(ok bool)
}

// Shared is a Limiter that replicas share through Redis or Valkey. While the
// store does not answer each replica limits on its own.
type Shared struct {
	rate     Rate
	prefix   string
	store    redis.Scripter
	fallback *Local
	observer Observer
	logger   *slog.Logger
	down     atomic.Bool
	retryAt  atomic.Int64 // Unix nanoseconds; only while down
}

// NewShared returns a Limiter over store. The prefix keeps servers that share a
// store apart.
func NewShared(rate Rate, prefix string, store redis.Scripter, observer Observer, logger *slog.Logger) *Shared {
	observer.RateLimitShared(true)
	return &Shared{rate: rate, prefix: "securedmcp:rate:" + prefix + ":", store: store, fallback: NewLocal(rate), observer: observer, logger: logger}
}

// Take implements Limiter.
func (s *Shared) Take(ctx context.Context, identity string) Verdict {
	if s.down.Load() && !s.mayRetry() {
		return s.fallback.Take(ctx, identity)
	}
	bounded, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	// Identities are personal data: the store sees their digests.
	sum := sha256.Sum256([]byte(identity))
	key := s.prefix + hex.EncodeToString(sum[:16])
	wait, err := take.Run(bounded, s.store, []string{key}, s.rate.Interval.Microseconds(), s.rate.tolerance().Microseconds()).Int64()
	if err != nil {
		if ctx.Err() == nil {
			s.report(err)
		}
		return s.fallback.Take(ctx, identity)
	}
	s.report(nil)
	if wait > 0 {
		return Verdict{RetryAfter: time.Duration(wait) * time.Microsecond}
	}
	return Verdict{Allowed: true}
}

// mayRetry lets one request a second find out whether the store is back; the
// others do not wait for it.
func (s *Shared) mayRetry() bool {
	at, now := s.retryAt.Load(), time.Now()
	return now.UnixNano() >= at && s.retryAt.CompareAndSwap(at, now.Add(retryShared).UnixNano())
}

// report says once that the store went away, and once that it is back.
func (s *Shared) report(err error) {
	down := err != nil
	if down {
		s.retryAt.Store(time.Now().Add(retryShared).UnixNano())
	}
	if s.down.Swap(down) != down {
		s.observer.RateLimitShared(!down)
		if down {
			s.logger.Warn("the shared rate limit store does not answer; each replica limits on its own", "error", err)
		} else {
			s.logger.Info("the shared rate limit store answers again")
		}
	}
}
