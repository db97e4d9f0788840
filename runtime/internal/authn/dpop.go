package authn

import (
	"context"
	"fmt"
	"net/http"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/nonce"
	"github.com/securedmcp/operator/runtime/internal/replay"
)

// DPoPConfig says how tokens that are bound to a key are presented.
type DPoPConfig struct {
	Runtime *config.RuntimeConfig
	// ClockSkew is how far in the future a proof may have been made.
	ClockSkew time.Duration
	// Once remembers proofs for at least ProofWindow(ClockSkew).
	Once replay.Once
	// Nonces are demanded of proofs where they are not nil.
	Nonces *nonce.Nonces
}

// DPoP checks that whoever presents a token that is bound to a key holds that
// key (RFC 9449). A nil *DPoP is one that is disabled: only bearer tokens are
// read, and the rules let no bound one through.
type DPoP struct {
	cfg      DPoPConfig
	required bool
	uri      string // the resource, as htu has to name it
}

// ProofWindow is how long a proof may be accepted after it was first seen.
func ProofWindow(skew time.Duration) time.Duration { return proofLifetime + skew }

// NewDPoP returns nil where DPoP is disabled.
func NewDPoP(cfg DPoPConfig) (*DPoP, error) {
	if !cfg.Runtime.Tokens.DPoPEnabled() {
		return nil, nil
	}
	uri, ok := normalizeURI(cfg.Runtime.Resource)
	if !ok {
		return nil, fmt.Errorf("resource %q is not an http or https URI", cfg.Runtime.Resource)
	}
	return &DPoP{cfg: cfg, required: cfg.Runtime.Tokens.DPoP == config.DPoPRequired, uri: uri}, nil
}

// Credentials reads the access token of a request; see ReadCredentials. Where
// DPoP is required, a bearer token is not looked at.
func (d *DPoP) Credentials(r *http.Request) (Credentials, error) {
	c, err := ReadCredentials(r, d != nil)
	if err == nil && d != nil && d.required && !c.DPoP {
		return c, refuse(BearerRefused, "the Authorization scheme is Bearer; tokens.dpop is Required")
	}
	return c, err
}

// Check judges how the token of p was presented: a bound one with a proof, on
// each request anew, and no other by the DPoP scheme (RFC 9449 section 7.1). The
// proof, nil with a bearer token, is then to be used up. Its errors are *Error.
func (d *DPoP) Check(r *http.Request, c Credentials, p *Principal) (*FreshProof, error) {
	switch {
	case p.Key == nil && !c.DPoP:
		return nil, nil
	case p.Key == nil:
		return nil, refuse(NotBound, "the DPoP scheme with a token that has no cnf.jkt")
	case d == nil || !c.DPoP:
		return nil, refuse(SenderBound, "cnf binds the token to a key; bearer use is refused")
	}
	proof, err := d.checkProof(r, c.Token, p)
	if err != nil {
		return nil, err
	}
	return proof, nil
}

// Nonce returns the nonce to hand out with a refusal, "" where none is needed.
func (d *DPoP) Nonce(ctx context.Context) string {
	if d == nil || d.cfg.Nonces == nil {
		return ""
	}
	return d.cfg.Nonces.Current(ctx)
}

// checkProof follows RFC 9449 section 4.3. The key is compared before it is
// used: only who brings a token that is bound to it can make us verify a
// signature.
func (d *DPoP) checkProof(r *http.Request, token string, caller *Principal) (*FreshProof, *Error) {
	values := r.Header["Dpop"]
	if len(values) != 1 {
		return nil, refuse(BadProof, "%d DPoP headers; want one", len(values))
	}
	p, err := parseProof(values[0])
	if err != nil {
		return nil, err
	}
	if p.thumbprint != *caller.Key {
		return nil, refuse(WrongKey, "the proof is by another key than the token is bound to")
	}
	if !verifiesAny(p.compact, []*key{p.key}) {
		return nil, refuse(BadProof, "the signature is not by jwk")
	}
	c, err := parseClaims(p.payload)
	if err != nil {
		return nil, refuse(BadProof, "%s", err.Detail)
	}
	return d.checkClaims(r, c, token, caller)
}

func (d *DPoP) checkClaims(r *http.Request, c claims, token string, caller *Principal) (*FreshProof, *Error) {
	if err := c.checkRequest(r.Method, d.uri, token); err != nil {
		return nil, err
	}
	if err := c.checkIssued(time.Now(), d.cfg.ClockSkew); err != nil {
		return nil, err
	}
	next, err := d.checkNonce(r.Context(), c)
	if err != nil {
		return nil, err
	}
	fresh, err := newFreshProof(c, caller, d.cfg.Once)
	if err != nil {
		return nil, err
	}
	fresh.NextNonce = next
	return fresh, nil
}

func (d *DPoP) checkNonce(ctx context.Context, c claims) (string, *Error) {
	if d.cfg.Nonces == nil {
		return "", nil
	}
	value, ok := stringMember(c, "nonce")
	if !ok {
		return "", refuse(BadProof, "nonce is not a string")
	}
	next, ok := d.cfg.Nonces.Check(ctx, value)
	if !ok {
		return "", refuse(NonceNeeded, "the proof has no nonce of ours that is still good")
	}
	return next, nil
}
