package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

// digest stands for a token wherever one has to be remembered: the token itself
// is never kept.
type digest [sha256.Size]byte

const (
	cacheShards     = 32
	cacheMaxEntries = 100_000
)

// cache remembers verified tokens until they expire. It is emptied whenever a
// key leaves the issuer's set.
type cache struct {
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu         sync.RWMutex
	generation uint64
	entries    map[digest]packed
}

// get returns the principal of a token that was verified under the same
// generation of keys and has not expired.
func (c *cache) get(d digest, generation uint64, now time.Time) *Principal {
	s := &c.shards[d[0]%cacheShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.generation != generation {
		return nil
	}
	if p, ok := s.entries[d]; ok && now.Before(p.expires()) {
		return p.unpack()
	}
	return nil
}

// put keeps p as verified under the generation. A slow verification that began
// before a key was removed comes too late to be kept.
func (c *cache) put(d digest, generation uint64, p *Principal, now time.Time) {
	s := &c.shards[d[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation < s.generation {
		return
	}
	if generation > s.generation || s.entries == nil {
		s.generation, s.entries = generation, make(map[digest]packed)
	}
	if len(s.entries) >= cacheMaxEntries/cacheShards {
		s.evict(now)
	}
	s.entries[d] = pack(p)
}

// evict makes room: expired entries go first, then some that the map's random
// order picks, so that no choice of tokens can pin the cache.
func (s *cacheShard) evict(now time.Time) {
	for d, p := range s.entries {
		if !now.Before(p.expires()) {
			delete(s.entries, d)
		}
	}
	excess := len(s.entries) - cacheMaxEntries/cacheShards*7/8
	for d := range s.entries {
		if excess <= 0 {
			return
		}
		delete(s.entries, d)
		excess--
	}
}
