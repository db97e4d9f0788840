package ratelimit

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/runtime/internal/sharedstore"
	"github.com/securedmcp/operator/test/redistest"
)

func newShared(t *testing.T, server *redistest.Server, prefix string, rate Rate) (*Shared, *sharedstore.Breaker) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	breaker := sharedstore.NewBreaker(time.Minute, func(error) {})
	return NewShared(prefix, client, NewLocal(rate), breaker), breaker
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

func TestAnotherRateBeginsAnewInTheStore(t *testing.T) {
	server := redistest.Start(t)
	strict, _ := newShared(t, server, "server", Rate{Interval: time.Hour, Burst: 10})
	if got := allowed(t, strict, "x", 11); got != 10 {
		t.Fatalf("%d allowed, want 10", got)
	}
	loose, _ := newShared(t, server, "server", Rate{Interval: time.Minute, Burst: 5})
	if got := allowed(t, loose, "x", 6); got != 5 {
		t.Errorf("once the rate was raised %d are allowed, want 5", got)
	}
}

func TestAnOutageOfTheStoreFallsBackAndIsReported(t *testing.T) {
	server := redistest.Start(t)
	l, store := newShared(t, server, "server", Rate{Interval: time.Hour, Burst: 3})
	if got := allowed(t, l, "x", 5); got != 3 || !store.Up() {
		t.Fatalf("%d allowed, shared %v; want 3, true", got, store.Up())
	}
	server.Stop()
	if got := allowed(t, l, "x", 5); got != 3 || store.Up() {
		t.Errorf("without the store: %d allowed, shared %v; want 3 of its own, false", got, store.Up())
	}
	server.Restart()
	deadline := time.Now().Add(time.Minute)
	for !store.Up() && time.Now().Before(deadline) {
		l.Take(t.Context(), "y", 1)
		time.Sleep(10 * time.Millisecond)
	}
	if !store.Up() {
		t.Error("the store is back and not used")
	}
}
