package authn

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
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
		for _, begin := range c.shards[i].entries {
			kept++
			if !now.Before(expiry(c.shards[i].at(begin))) {
				expired++
			}
		}
	}
	if kept > cacheMaxEntries || kept < cacheMaxEntries/2 || expired != 0 {
		t.Errorf("%d are kept, %d of them expired; want at most %d, at least half of that, and none", kept, expired, cacheMaxEntries)
	}
}

func TestTheCacheIsBoundedInBytesToo(t *testing.T) {
	var c cache
	now := time.Unix(1785240000, 0)
	long := strings.Repeat("s", 12<<10)
	for i := range 4 * cacheMaxBytes / len(long) {
		c.put(digestOf(i), 0, &Principal{Subject: long, Expires: now.Add(time.Hour)}, now)
	}
	kept := 0
	for i := range c.shards {
		kept += cap(c.shards[i].text)
	}
	if kept > cacheMaxBytes*5/4 || kept < cacheMaxBytes/2 {
		t.Errorf("%d bytes are kept; want about %d", kept, cacheMaxBytes)
	}
}

func TestAPrincipalIsRememberedAsItWasWhateverComesAndGoes(t *testing.T) {
	var c cache
	now := time.Unix(1785240000, 0)
	principal := func(i int) *Principal {
		expires := now.Add(time.Duration(i%7+1) * time.Minute)
		return &Principal{Subject: strings.Repeat(strconv.Itoa(i), i%50+1), ClientID: strconv.Itoa(i), Expires: expires, TokenExpires: expires}
	}
	for i := range 2 * cacheMaxEntries {
		if i == cacheMaxEntries {
			now = now.Add(3 * time.Minute) // some of what is there has expired
		}
		c.put(digestOf(i), 0, principal(i), now)
		c.put(digestOf(i/2), 0, principal(i/2), now) // and some is verified twice
	}
	remembered := 0
	for i := range 2 * cacheMaxEntries {
		got := c.get(digestOf(i), 0, now)
		if got == nil {
			continue
		}
		remembered++
		if want := principal(i); got.Subject != want.Subject || got.ClientID != want.ClientID {
			t.Fatalf("token %d speaks for %.20q, client %q; want %.20q, %q", i, got.Subject, got.ClientID, want.Subject, want.ClientID)
		}
	}
	if remembered < cacheMaxEntries/2 {
		t.Errorf("%d are remembered, want at least half of %d", remembered, cacheMaxEntries)
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
func TestAHundredThousandTokensAreRemembered(t *testing.T) {
	const tokens = 100_000
	c, now := new(cache), time.Now()
	p := &Principal{Subject: "user-1", ClientID: "assistant", Expires: now.Add(time.Hour)}
	token := func(i int) digest { return sha256.Sum256([]byte(strconv.Itoa(i))) } // as unevenly as they come
	for i := range tokens {
		c.put(token(i), 0, p, now)
	}
	for i := range tokens {
		if c.get(token(i), 0, now) == nil {
			t.Fatalf("token %d of %d is forgotten", i, tokens)
		}
	}
}

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
