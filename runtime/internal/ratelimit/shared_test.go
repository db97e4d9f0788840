package ratelimit

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/test/redistest"
)

type observer struct{ shared atomic.Bool }

func (o *observer) RateLimitShared(ok bool) { o.shared.Store(ok) }

func newShared(t *testing.T, server *redistest.Server, prefix string, rate Rate) (*Shared, *observer) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	o := new(observer)
	return NewShared(rate, prefix, client, o, slog.New(slog.DiscardHandler)), o
}

func TestReplicasShareOneLimit(t *testing.T) {
	server := redistest.Start(t)
	rate := Rate{Interval: time.Hour, Burst: 10}
	a, _ := newShared(t, server, "server", rate)
	b, _ := newShared(t, server, "server", rate)
	other, _ := newShared(t, server, "other", rate)
	if got := allowed(t, a, "x", 6) + allowed(t, b, "x", 6); got != 10 {
		t.Errorf("two replicas allowed %d, want 10 together", got)
	}
	if v := b.Take(t.Context(), "x", 1); v.Allowed || v.RetryAfter <= 0 || v.RetryAfter > time.Hour {
		t.Errorf("verdict %+v", v)
	}
	if got := allowed(t, other, "x", 12); got != 10 {
		t.Errorf("another server on the same store allowed %d, want 10 of its own", got)
	}
}

func TestAnOutageOfTheStoreFallsBackAndIsReported(t *testing.T) {
	server := redistest.Start(t)
	l, o := newShared(t, server, "server", Rate{Interval: time.Hour, Burst: 3})
	if got := allowed(t, l, "x", 5); got != 3 || !o.shared.Load() {
		t.Fatalf("%d allowed, shared %v; want 3, true", got, o.shared.Load())
	}
	server.Stop()
	if got := allowed(t, l, "x", 5); got != 3 || o.shared.Load() {
		t.Errorf("without the store: %d allowed, shared %v; want 3 of its own, false", got, o.shared.Load())
	}
	server.Restart()
	deadline := time.Now().Add(10 * time.Second)
	for !o.shared.Load() && time.Now().Before(deadline) {
		l.Take(t.Context(), "y", 1)
		time.Sleep(10 * time.Millisecond)
	}
	if !o.shared.Load() {
		t.Error("the store is back and not used")
	}
}
