package app

import (
	"log/slog"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/test/oauthtest"
)

// An issuer that begins to sign its answers has its keys fetched beside a new
// configuration, which may want them too.
func TestKeysThatAreAcquiredAtOnceAreShared(t *testing.T) {
	issuer := oauthtest.New(t)
	answer := make(chan struct{})
	issuer.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Until: answer})
	pool := newKeyPool(nil, slog.New(slog.DiscardHandler), time.Now)
	type held struct {
		keys    *authn.Keys
		release func()
		err     error
	}
	acquired := make(chan held)
	for range 2 {
		go func() {
			keys, release, err := pool.acquire(t.Context(), &config.RuntimeConfig{Issuer: issuer.Issuer()}, nil)
			acquired <- held{keys, release, err}
		}()
	}
	for deadline := time.Now().Add(time.Minute); issuer.Count(oauthtest.EndpointJWKS) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the keys are not fetched twice at once")
		}
	}
	close(answer)
	a, b := <-acquired, <-acquired
	if a.err != nil || b.err != nil {
		t.Fatal(a.err, b.err)
	}
	if a.keys != b.keys {
		t.Error("two sets are kept current for one issuer")
	}
	a.release()
	if len(pool.entries) != 1 {
		t.Error("keys that are in use were given up")
	}
	b.release()
	if len(pool.entries) != 0 {
		t.Error("keys that nobody uses are kept")
	}
}
