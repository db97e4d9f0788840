package authn

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// digest stands for a token wherever one has to be remembered: the token itself
// is never kept.
type digest [sha256.Size]byte

const (
	cacheShards = 32
	// cacheMaxEntries is room for a hundred thousand, which do not fall on the shards
	// evenly.
	cacheMaxEntries = 112_000
	// cacheMaxBytes bounds what is kept of principals, whose names may be as long as
	// a token can carry: 150 bytes each where there are as many as there may be.
	cacheMaxBytes = 16 << 20

	shardMaxEntries = cacheMaxEntries / cacheShards
	shardMaxBytes   = cacheMaxBytes / cacheShards
)

// cache remembers verified tokens until they expire. It is emptied whenever a
// key leaves the issuer's set.
type cache struct {
	shards [cacheShards]cacheShard
}

// cacheShard has no pointers but its own two: however much is remembered, the
// collector has nothing to follow.
type cacheShard struct {
	mu         sync.RWMutex
	generation uint64
	// entries tell where in text each principal begins.
	entries map[digest]uint32
	// text has the principals one after the other, each behind its length. What was
	// written stays as it is; evict writes another.
	text []byte
}

// get returns the principal of a token that was verified under the same
// generation of keys and has not expired.
func (c *cache) get(d digest, generation uint64, now time.Time) *Principal {
	p, ok := c.shards[d[0]%cacheShards].get(d, generation)
	if !ok || !now.Before(expiry(p)) {
		return nil
	}
	return packed(p).unpack()
}

func (s *cacheShard) get(d digest, generation uint64) ([]byte, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	begin, ok := s.entries[d]
	if !ok || s.generation != generation {
		return nil, false
	}
	return s.at(begin), true
}

// put keeps p as verified under the generation. A slow verification that began
// before a key was removed comes too late to be kept.
func (c *cache) put(d digest, generation uint64, p *Principal, now time.Time) {
	text := pack(p)
	s := &c.shards[d[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation < s.generation {
		return
	}
	if generation > s.generation || s.entries == nil {
		s.generation, s.entries, s.text = generation, make(map[digest]uint32), nil
	}
	if len(s.entries) >= shardMaxEntries || len(s.text)+len(text) >= shardMaxBytes {
		s.evict(now)
	}
	s.entries[d] = uint32(len(s.text)) //nolint:gosec // below shardMaxBytes
	s.text = binary.AppendUvarint(s.text, uint64(len(text)))
	s.text = append(s.text, text...)
}

// at returns the packed principal that begins there.
func (s *cacheShard) at(begin uint32) []byte {
	length, n := binary.Uvarint(s.text[begin:])
	return s.text[int(begin)+n:][:length]
}

// expiry reads the first that is packed, without a copy of the rest.
func expiry(p []byte) time.Time { return packed(p[:1+instantBytes]).expires() }

// evict makes room: expired entries go first, then some that the map's random
// order picks, so that no choice of tokens can pin the cache. An eighth is free
// afterwards.
func (s *cacheShard) evict(now time.Time) {
	used := 0
	for d, begin := range s.entries {
		if p := s.at(begin); now.Before(expiry(p)) {
			used += len(p)
		} else {
			delete(s.entries, d)
		}
	}
	for d, begin := range s.entries {
		if len(s.entries) <= shardMaxEntries*7/8 && used <= shardMaxBytes*7/8 {
			break
		}
		used -= len(s.at(begin))
		delete(s.entries, d)
	}
	s.compact(used)
}

// compact leaves out of text what no entry refers to.
func (s *cacheShard) compact(used int) {
	text := make([]byte, 0, used+used/8+len(s.entries)*binary.MaxVarintLen16)
	for d, begin := range s.entries {
		p := s.at(begin)
		s.entries[d] = uint32(len(text)) //nolint:gosec // below shardMaxBytes
		text = binary.AppendUvarint(text, uint64(len(p)))
		text = append(text, p...)
	}
	s.text = text
}
