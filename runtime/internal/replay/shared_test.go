package replay

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/runtime/internal/sharedstore"
	"github.com/securedmcp/operator/test/redistest"
)

func newShared(t *testing.T, server *redistest.Server, prefix string) (*Shared, *redis.Client) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	return NewShared(newMemory(), window, prefix, client, sharedstore.NewBreaker(time.Minute, func(error) {})), client
}

func TestReplicasShareWhatWasUsed(t *testing.T) {
	server := redistest.Start(t)
	a, client := newShared(t, server, "server")
	b, _ := newShared(t, server, "server")
	other, _ := newShared(t, server, "other")
	if err := a.Use(t.Context(), id(1), id(2)); err != nil {
		t.Fatalf("at one replica: %v", err)
	}
	if err := b.Use(t.Context(), id(1), id(2)); !errors.Is(err, ErrUsed) {
		t.Errorf("at another: %v, want ErrUsed", err)
	}
	if err := other.Use(t.Context(), id(1), id(2)); err != nil {
		t.Errorf("at another server with the same store: %v", err)
	}
	keys := client.Keys(t.Context(), "*:server:*").Val()
	if len(keys) != 1 || !strings.HasPrefix(keys[0], "securedmcp:dpop:jti:") {
		t.Fatalf("the store has %q, want one key", keys)
	}
	if left := client.PTTL(t.Context(), keys[0]).Val(); left <= window-10*time.Second || left > window {
		t.Errorf("the store forgets it in %s, want %s", left, window)
	}
}

func TestWithoutTheStoreEachReplicaRemembers(t *testing.T) {
	server := redistest.Start(t)
	a, _ := newShared(t, server, "server")
	if err := a.Use(t.Context(), id(1), id(1)); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	for name, tc := range map[string]struct {
		id   ID
		want error
	}{"one from before": {id(1), ErrUsed}, "a new one": {id(2), nil}} {
		if err := a.Use(t.Context(), id(1), tc.id); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if err := a.Use(t.Context(), id(1), id(2)); !errors.Is(err, ErrUsed) {
		t.Errorf("the new one again: %v, want ErrUsed", err)
	}
}

// Otherwise a replay that hangs up at once would get past the store.
func TestWhoeverLeavesIsNotLetIn(t *testing.T) {
	a, _ := newShared(t, redistest.Start(t), "server")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Use(gone, id(1), id(1)); err == nil || errors.Is(err, ErrUsed) {
		t.Errorf("error %v, want that of the context", err)
	}
}
