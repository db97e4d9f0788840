// Package authn is the door: it finds the bearer token of a request and turns
// it into a Principal, or refuses. Access tokens are JWTs (RFC 7519, RFC 9068)
// verified as RFC 8725 asks, against the issuer's published keys.
package authn

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

// VerifierConfig says which tokens are accepted.
type VerifierConfig struct {
	// Runtime has the issuer, the audience and what else is demanded of tokens.
	Runtime *config.RuntimeConfig
	// Policy is compiled from Runtime.
	Policy *policy.Policy
	// Keys are the issuer's.
	Keys *Keys
	// Observer is told of each verification; may be nil.
	Observer VerifyObserver
}

// Authenticator turns an access token into the Principal it speaks for. Its
// errors are *Error.
type Authenticator interface {
	Verify(ctx context.Context, token string) (*Principal, error)
}

// VerifyObserver is told how a token was judged.
type VerifyObserver interface {
	// TokenCached is called when the verdict was remembered.
	TokenCached()
	// TokenVerified is called when the token was verified anew.
	TokenVerified(took time.Duration, err error)
}

// Verifier judges access tokens. Each token is verified once and remembered
// until it expires or a key leaves the issuer's set.
type Verifier struct {
	cfg     VerifierConfig
	rules   *rules
	allowed []string // algorithms
	stale   time.Duration
	cache   cache
}

// NewVerifier returns a Verifier with an empty memory.
func NewVerifier(cfg VerifierConfig) *Verifier {
	return &Verifier{cfg: cfg, rules: newRules(cfg.Runtime, cfg.Policy), allowed: cfg.Runtime.Tokens.AllowedAlgorithms(), stale: maxStale(&cfg.Runtime.Tokens)}
}

// Verify returns whom the token speaks for. Its errors are *Error.
func (v *Verifier) Verify(ctx context.Context, token string) (*Principal, error) {
	set, refusal := v.cfg.Keys.set(ctx, v.stale)
	if refusal != nil {
		return nil, refusal
	}
	now := time.Now()
	d := digest(sha256.Sum256([]byte(token)))
	if p := v.cache.get(d, set.generation, now); p != nil {
		if v.cfg.Observer != nil {
			v.cfg.Observer.TokenCached()
		}
		p.Withdrawn = set.withdrawn
		return p, nil
	}
	p, set, err := v.verify(ctx, token, set, now)
	if v.cfg.Observer != nil {
		// A nil *Error in an error is not nil.
		var observed error
		if err != nil {
			observed = err
		}
		v.cfg.Observer.TokenVerified(time.Since(now), observed)
	}
	if err != nil {
		return nil, err
	}
	v.cache.put(d, set.generation, p, now)
	p.Withdrawn = set.withdrawn
	return p, nil
}

// verify checks the signature first: nothing a stranger wrote is looked at
// closer than needed to find the key. It returns the keys that it was judged by.
func (v *Verifier) verify(ctx context.Context, token string, set *keySet, now time.Time) (*Principal, *keySet, *Error) {
	c, err := parseCompact(token)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(v.allowed, c.algName) {
		return nil, nil, refuse(BadAlgorithm, "alg is not among tokens.algorithms")
	}
	set, err = checkSignature(ctx, c, set, v.cfg.Keys)
	if err != nil {
		return nil, nil, err
	}
	claims, err := parseClaims(c.payload)
	if err != nil {
		return nil, nil, err
	}
	if c.typed {
		if err := claims.checkProfile(); err != nil {
			return nil, nil, err
		}
	}
	p, err := v.rules.judge(claims, c.typed, now)
	return p, set, err
}

// checkSignature returns the keys that the signature was checked against, which
// are newer than set where the token's key was not in it.
func checkSignature(ctx context.Context, c *compact, set *keySet, source *Keys) (*keySet, *Error) {
	keys, known := set.candidates(c)
	if verifiesAny(c, keys) {
		return set, nil
	}
	if known {
		return nil, refuse(BadSignature, "the signature is not by the key that kid names")
	}
	newer, err := source.refetch(ctx)
	if err != nil {
		return nil, err
	}
	if newer == nil || newer == set {
		return nil, unverified(c, set)
	}
	if keys, _ = newer.candidates(c); !verifiesAny(c, keys) {
		return nil, unverified(c, newer)
	}
	return newer, nil
}

// unverified tells whether all keys of the set were tried that may have signed the
// token: where they were not, it may be a good one, and the issuer has to name keys.
func unverified(c *compact, set *keySet) *Error {
	keys, _ := set.fitting(c)
	if len(keys) > maxAttempts {
		return refuse(AmbiguousKey, "no kid says which of %d keys of the issuer signed the token, and it was tried against %d of them", len(keys), maxAttempts)
	}
	return refuse(UnknownKey, "no key of the issuer verifies the token")
}

func verifiesAny(c *compact, keys []*key) bool {
	for _, k := range keys {
		if c.algorithm.verifiers[k.curve].Verify([]byte(c.signingInput), c.signature, k.public) == nil {
			return true
		}
	}
	return false
}
