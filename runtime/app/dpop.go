package app

import (
	"context"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/nonce"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/replay"
)

// newDPoP returns nil where DPoP is disabled. The memory of proofs is the
// process's: a new configuration must not let an old proof in again.
func (b *builder) newDPoP(ctx context.Context, c *config.RuntimeConfig, p *policy.Policy, s store) (*authn.DPoP, error) {
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
	if s.client != nil {
		cfg.Once = replay.NewShared(b.proofs, window, c.Resource, s.client, s.proofs)
		if c.Tokens.DPoPNonce == config.DPoPNonceRequired {
			b.secrets = nonce.NewSecrets(ctx, c.Resource, s.client, s.proofs, b.secrets)
			cfg.Nonces = nonce.New(b.secrets)
		}
	}
	return authn.NewDPoP(cfg)
}

func newDPoPChallenge(c *config.RuntimeConfig, d *authn.DPoP) *httpmw.DPoPChallenge {
	if d == nil {
		return nil
	}
	return &httpmw.DPoPChallenge{Algorithms: config.AllAlgorithms(), Required: c.Tokens.DPoP == config.DPoPRequired, Nonce: d.Nonce}
}
