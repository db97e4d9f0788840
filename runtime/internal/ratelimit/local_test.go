package ratelimit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securedmcp/operator/test/redistest"
)

func allowed(t *testing.T, l Limiter, identity string, n int) int {
	t.Helper()
	count := 0
	for range n {
		if l.Take(t.Context(), identity, 1).Allowed {
			count++
		}
	}
	return count
}

func TestABurstAndThenOneEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLocal(Rate{Interval: time.Second, Burst: 5})
		if got := allowed(t, l, "a", 10); got != 5 {
			t.Errorf("%d of 10 at once were allowed, want 5", got)
		}
		if v := l.Take(t.Context(), "a", 1); v.Allowed || v.RetryAfter != time.Second {
			t.Errorf("verdict %+v, want to come back in 1 s", v)
		}
		time.Sleep(time.Second)
		if got := allowed(t, l, "a", 10); got != 1 {
			t.Errorf("%d of 10 a second later were allowed, want 1", got)
		}
		time.Sleep(time.Hour)
		if got := allowed(t, l, "a", 10); got != 5 {
			t.Errorf("%d of 10 an hour later were allowed, want the burst of 5", got)
		}
	})
}

func TestIdentitiesDoNotShare(t *testing.T) {
	l := NewLocal(Rate{Interval: time.Hour, Burst: 1})
	for i := range 100 {
		if got := allowed(t, l, fmt.Sprint(i), 3); got != 1 {
			t.Fatalf("identity %d: %d of 3 were allowed, want 1", i, got)
		}
	}
}

func TestMillionsOfIdentitiesTakeBoundedMemory(t *testing.T) {
	l := NewLocal(Rate{Interval: time.Hour, Burst: 1})
	for i := range 1_000_000 {
		l.Take(t.Context(), fmt.Sprint(i), 1)
	}
	total := 0
	for i := range l.shards {
		total += len(l.shards[i].arrivals)
	}
	if most := shards * maxPerShard; total > most {
		t.Errorf("%d identities are remembered, want at most %d", total, most)
	}
	if got := allowed(t, l, "new", 2); got != 1 {
		t.Errorf("a new identity got %d of 2, want 1", got)
	}
}

func BenchmarkTake(b *testing.B) {
	l := NewLocal(Rate{Interval: time.Nanosecond, Burst: 1000})
	b.ReportAllocs()
	for b.Loop() {
		l.Take(b.Context(), "client\x00subject", 1)
	}
}

func TestSeveralAreAllowedTogetherOrNotAtAll(t *testing.T) {
	rate := Rate{Interval: time.Hour, Burst: 10}
	shared, _ := newShared(t, redistest.Start(t), "server", rate)
	for name, l := range map[string]Limiter{"local": NewLocal(rate), "shared": shared} {
		t.Run(name, func(t *testing.T) {
			if v := l.Take(t.Context(), "x", 7); !v.Allowed {
				t.Fatalf("7 of 10: %+v", v)
			}
			if v := l.Take(t.Context(), "x", 4); v.Allowed || v.RetryAfter <= 0 || v.RetryAfter > time.Hour {
				t.Errorf("4 of the 3 that are left: %+v", v)
			}
			if v := l.Take(t.Context(), "x", 3); !v.Allowed {
				t.Errorf("the 3 that are left: %+v; those that were refused have been taken", v)
			}
		})
	}
}
