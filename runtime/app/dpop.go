package app

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/nonce"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/replay"
	"github.com/securedmcp/operator/runtime/internal/sharedstore"
)

// newDPoP returns nil where DPoP is disabled. The memory of proofs is the
// process's: a new configuration must not let an old proof in again.
func (b *builder) newDPoP(ctx context.Context, c *config.RuntimeConfig, p *policy.Policy, store *redis.Client) (*authn.DPoP, error) {
	if !c.Tokens.DPoPEnabled() {
		return nil, nil
	}
	if b.proofs == nil {
		b.proofs = replay.NewMemory()
	}
	// A second more, for what lies between two readings of the clock.
	window := authn.ProofWindow(p.ClockSkew) + time.Second
	b.proofs.Cover(window)
	cfg := authn.DPoPConfig{Runtime: c, ClockSkew: p.ClockSkew, Once: b.proofs}
	if store != nil {
		b.metrics.DPoPShared(true)
		breaker := b.newBreaker()
		cfg.Once = replay.NewShared(b.proofs, window, c.Resource, store, breaker)
		if c.Tokens.DPoPNonce == config.DPoPNonceRequired {
			b.secrets = nonce.NewSecrets(ctx, c.Resource, store, breaker, b.secrets)
			cfg.Nonces = nonce.New(b.secrets)
		}
	}
	return authn.NewDPoP(cfg)
}

func (b *builder) newBreaker() *sharedstore.Breaker {
	return sharedstore.NewBreaker(func(err error) {
		b.metrics.DPoPShared(err == nil)
		if err != nil {
			b.options.Logger.Warn("the shared store does not answer; each replica remembers DPoP proofs on its own", "error", err)
			return
		}
		b.options.Logger.Info("the shared store answers again; replicas share the memory of DPoP proofs")
	})
}

func newDPoPChallenge(c *config.RuntimeConfig, d *authn.DPoP) *httpmw.DPoPChallenge {
	if d == nil {
		return nil
	}
	return &httpmw.DPoPChallenge{Algorithms: config.AllAlgorithms(), Required: c.Tokens.DPoP == config.DPoPRequired, Nonce: d.Nonce}
}
