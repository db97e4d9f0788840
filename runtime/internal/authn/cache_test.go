package authn

import (
	"encoding/binary"
	"testing"
	"time"
)

func digestOf(i int) (d digest) {
	binary.LittleEndian.PutUint64(d[:], uint64(i)*0x9e3779b97f4a7c15)
	return d
}

func TestTheCacheIsBounded(t *testing.T) {
	var c cache
	now := time.Unix(1785240000, 0)
	gone := &Principal{Subject: "gone", Expires: now.Add(time.Second)}
	stays := &Principal{Subject: "stays", Expires: now.Add(time.Hour)}
	for i := range cacheMaxEntries / 2 {
		c.put(digestOf(i), 0, gone, now)
	}
	now = now.Add(time.Minute)
	for i := range 2 * cacheMaxEntries {
		c.put(digestOf(i+cacheMaxEntries), 0, stays, now)
	}
	kept, expired := 0, 0
	for i := range c.shards {
		for _, p := range c.shards[i].entries {
			kept++
			if !now.Before(p.expires()) {
				expired++
			}
		}
	}
	if kept > cacheMaxEntries || kept < cacheMaxEntries/2 || expired != 0 {
		t.Errorf("%d are kept, %d of them expired; want at most %d, at least half of that, and none", kept, expired, cacheMaxEntries)
	}
}

func TestTheCacheForgetsExactlyAtExpiry(t *testing.T) {
	var c cache
	now := time.Unix(1785240000, 0)
	c.put(digestOf(1), 0, &Principal{Subject: "a", Expires: now.Add(time.Second)}, now)
	for after, want := range map[time.Duration]bool{0: true, time.Second - 1: true, time.Second: false} {
		if got := c.get(digestOf(1), 0, now.Add(after)) != nil; got != want {
			t.Errorf("after %s: remembered %v, want %v", after, got, want)
		}
	}
	if c.get(digestOf(1), 1, now) != nil {
		t.Error("a token is remembered beyond its keys")
	}
	c.put(digestOf(2), 1, &Principal{Subject: "b", Expires: now.Add(time.Second)}, now)
	c.put(digestOf(1), 0, &Principal{Subject: "a", Expires: now.Add(time.Second)}, now)
	if shard := &c.shards[digestOf(1)[0]%cacheShards]; shard.generation == 1 && c.get(digestOf(1), 1, now) != nil {
		t.Error("a verification that began before a key was removed is kept")
	}
}

// BenchmarkCacheGet is what a remembered token costs beyond its digest.
func BenchmarkCacheGet(b *testing.B) {
	var c cache
	now := time.Now()
	c.put(digestOf(1), 0, &Principal{Subject: "8d8ac610-566d-4ef0-9c22-186b2a5ed793", ClientID: "assistant", Expires: now.Add(time.Hour)}, now)
	b.ReportAllocs()
	for b.Loop() {
		if c.get(digestOf(1), 0, now) == nil {
			b.Fatal("forgotten")
		}
	}
}
