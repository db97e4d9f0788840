// Package ratelimit bounds how often one caller may ask. It uses the generic
// cell rate algorithm: one timestamp an identity says all there is to know.
package ratelimit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// Rate is how often one identity may ask: a request every Interval, and Burst
// of them at once.
type Rate struct {
	Interval time.Duration
	Burst    int
}

// tolerance is how far ahead of the clock an identity's timestamp may be.
func (r Rate) tolerance() time.Duration { return r.Interval * time.Duration(r.Burst) }

// Verdict is the answer to one request.
type Verdict struct {
	Allowed bool
	// RetryAfter is when the next request will be allowed, where this one is not.
	RetryAfter time.Duration
}

// Limiter judges requests by identity.
type Limiter interface {
	// Take asks for n at once: all of them are allowed, or none is taken.
	Take(ctx context.Context, identity string, n int) Verdict
}

const (
	shards           = 16
	maxPerShard      = 8192
	evictionAttempts = 16
)

// Local is a Limiter of this process. It remembers at most 131072 identities,
// in about 4 MiB: those that have not asked for a while are forgotten without
// loss, since they are owed nothing.
type Local struct {
	rate   Rate
	seed   maphash.Seed
	now    func() time.Time
	shards [shards]shard
}

type shard struct {
	mu sync.Mutex
	// arrivals are when each identity's next request would be on time, in
	// nanoseconds. An arrival in the past says nothing.
	arrivals map[uint64]int64
}

// NewLocal returns a Limiter that has seen nobody.
func NewLocal(rate Rate) *Local {
	l := &Local{rate: rate, seed: maphash.MakeSeed(), now: time.Now}
	for i := range l.shards {
		l.shards[i].arrivals = make(map[uint64]int64)
	}
	return l
}

// Rate is what the Limiter allows.
func (l *Local) Rate() Rate { return l.rate }

// Take implements Limiter.
func (l *Local) Take(_ context.Context, identity string, n int) Verdict {
	id := maphash.String(l.seed, identity)
	s, now := &l.shards[id%shards], l.now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	arrival, verdict := next(s.arrivals[id], now, l.rate, n)
	if !verdict.Allowed {
		return verdict
	}
	if _, known := s.arrivals[id]; !known && len(s.arrivals) >= maxPerShard {
		s.evict(now)
	}
	s.arrivals[id] = arrival
	return verdict
}

// next returns the identity's new arrival time after n requests, the old one if
// they are not allowed.
func next(arrival, now int64, rate Rate, n int) (int64, Verdict) {
	due := max(arrival, now) + int64(n)*int64(rate.Interval)
	if ahead := due - now - int64(rate.tolerance()); ahead > 0 {
		return arrival, Verdict{RetryAfter: time.Duration(ahead)}
	}
	return due, Verdict{Allowed: true}
}

// evict makes room for one: an identity that is owed nothing, or else the one
// of a few that has used its allowance the least.
func (s *shard) evict(now int64) {
	var victim uint64
	least, tried := int64(0), 0
	for id, arrival := range s.arrivals {
		if arrival <= now {
			delete(s.arrivals, id)
			return
		}
		if tried == 0 || arrival < least {
			victim, least = id, arrival
		}
		if tried++; tried == evictionAttempts {
			break
		}
	}
	delete(s.arrivals, victim)
}
