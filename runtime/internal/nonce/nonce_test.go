package nonce

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/securedmcp/operator/runtime/internal/sharedstore"
	"github.com/securedmcp/operator/test/redistest"
)

// clock is a time that tests set.
type clock struct{ time.Time }

// replica is one that shares server, or nothing where that is nil.
func replica(t *testing.T, server *redistest.Server, c *clock) *Nonces {
	t.Helper()
	var store Store = away{}
	if server != nil {
		client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		store = client
	}
	return at(c, newSecrets(t.Context(), c.Time, "server", store, sharedstore.NewBreaker(time.Minute, func(error) {}), nil))
}

func at(c *clock, s *Secrets) *Nonces {
	n := New(s)
	n.now = func() time.Time { return c.Time }
	return n
}

// away is a store that cannot be reached.
type away struct{}

func (away) Pipelined(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	return nil, errors.New("connection refused")
}

// noon is a start of a span, far from any midnight.
func noon() *clock { return &clock{time.Date(2026, time.July, 28, 12, 0, 0, 0, time.UTC)} }

func TestANonceIsGoodForTwoSpans(t *testing.T) {
	start := noon()
	c := &clock{start.Time}
	n := replica(t, nil, c)
	nonce := n.Current(t.Context())
	for _, tc := range []struct {
		after time.Duration
		want  bool
	}{
		{-Span - time.Second, false},
		{-Span, true},
		{-time.Second, true},
		{0, true},
		{Span - time.Second, true},
		{Span, true},
		{2*Span - time.Second, true},
		{2 * Span, false},
		{epoch, false},
		{365 * epoch, false},
	} {
		c.Time = start.Add(tc.after)
		next, ok := n.Check(t.Context(), nonce)
		if ok != tc.want {
			t.Errorf("after %s: accepted %v, want %v", tc.after, ok, tc.want)
		}
		if due := !tc.want || tc.after >= Span; (next != "") != due || due && next != n.Current(t.Context()) {
			t.Errorf("after %s: next %q; want one: %v", tc.after, next, due)
		}
	}
}

func TestNoncesThatAreRefused(t *testing.T) {
	n, other := replica(t, nil, noon()), replica(t, nil, noon())
	raw, err := base64.RawURLEncoding.DecodeString(n.Current(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(i int) string {
		copied := append([]byte(nil), raw...)
		copied[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(copied)
	}
	for name, nonce := range map[string]string{
		"empty": "", "garbage": "???", "short": "AAAA", "zero": base64.RawURLEncoding.EncodeToString(make([]byte, nonceBytes)),
		"of another span": changed(3), "with a changed MAC": changed(nonceBytes - 1), "longer": n.Current(t.Context()) + "AAAA",
		"of a server that shares nothing": other.Current(t.Context()),
	} {
		if _, ok := n.Check(t.Context(), nonce); ok {
			t.Errorf("a nonce %s is accepted", name)
		}
	}
}

func TestReplicasAcceptEachOthersNonces(t *testing.T) {
	server, c := redistest.Start(t), noon()
	a, b := replica(t, server, c), replica(t, server, c)
	if _, ok := b.Check(t.Context(), a.Current(t.Context())); !ok {
		t.Error("a nonce of one replica is refused by another")
	}
	if a.Current(t.Context()) != b.Current(t.Context()) {
		t.Error("replicas hand out different nonces")
	}
}

func TestNoncesCrossMidnightWithANewSecret(t *testing.T) {
	c := &clock{noon().Add(epoch/2 - Span)}
	server := redistest.Start(t)
	a := replica(t, server, c)
	before := a.Current(t.Context())
	server.Stop() // tomorrow's secret was shared today
	c.Time = c.Add(Span)
	if _, ok := a.Check(t.Context(), before); !ok {
		t.Error("a nonce from before midnight is refused after it")
	}
	known := *a.secrets.known.Load()
	if today := epochOf(c.Time); known[today] == known[today-1] || known[today] == (secret{}) {
		t.Error("midnight brings no new secret")
	}
}

func TestAStoreThatLostItsMemoryGetsItBack(t *testing.T) {
	server, c := redistest.Start(t), noon()
	a := replica(t, server, c)
	nonce := a.Current(t.Context())
	server.Restart()
	c.Time = c.Add(refreshEvery)
	a.Current(t.Context())
	if _, ok := replica(t, server, c).Check(t.Context(), nonce); !ok {
		t.Error("a replica that started later refuses the nonce")
	}
}

func TestAReplicaThatStartedAloneJoinsTheOthers(t *testing.T) {
	server, c := redistest.Start(t), noon()
	a := replica(t, server, c)
	server.Stop()
	b := replica(t, server, c)
	if _, ok := b.Check(t.Context(), a.Current(t.Context())); ok {
		t.Fatal("a replica that never reached the store knows its secret")
	}
	if _, ok := b.Check(t.Context(), b.Current(t.Context())); !ok {
		t.Error("alone, it refuses its own")
	}
	server.Restart()
	c.Time = c.Add(refreshEvery)
	a.Current(t.Context()) // gives its secret back
	deadline := time.Now().Add(time.Minute)
	for ok := false; !ok; {
		c.Time = c.Add(time.Second)
		if _, ok = b.Check(t.Context(), a.Current(t.Context())); !ok && time.Now().After(deadline) {
			t.Fatal("it does not join the others")
		}
		time.Sleep(10 * time.Millisecond) // its breaker runs on real time
	}
}

func TestSecretsOutliveAChangeOfTheConfiguration(t *testing.T) {
	c := noon()
	old := replica(t, nil, c)
	renewed := at(c, newSecrets(t.Context(), c.Time, "server", away{}, sharedstore.NewBreaker(time.Minute, func(error) {}), old.secrets))
	if _, ok := renewed.Check(t.Context(), old.Current(t.Context())); !ok {
		t.Error("the nonce from before is refused")
	}
}

func BenchmarkCheck(b *testing.B) {
	n := New(NewSecrets(b.Context(), "server", away{}, sharedstore.NewBreaker(time.Minute, func(error) {}), nil))
	nonce := n.Current(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := n.Check(b.Context(), nonce); !ok {
			b.Fatal("refused")
		}
	}
}
