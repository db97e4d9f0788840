package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"
	rfc9449      = "RFC 9449 section 4.3"
)

// scheme is the one of plain requests.
func (t *target) scheme() string {
	if t.DPoP == DPoPRequired {
		return schemeDPoP
	}
	return schemeBearer
}

// setProofs adds the proofs of r, or a good one where one is needed.
func (t *target) setProofs(h http.Header, r *request) error {
	proofs := r.proofs
	if carried := cmp.Or(r.token, r.carried); proofs == nil && r.scheme == schemeDPoP && carried != "" {
		proof, err := t.holder.Proof(r.httpMethod, t.URL, carried, t.proofClaims(nil))
		if err != nil {
			return err
		}
		proofs = []string{proof}
	}
	for _, proof := range proofs {
		h.Add("DPoP", proof)
	}
	return nil
}

// proofClaims are changes to those of a good proof: the nonce that the server
// asked for, and changed.
func (t *target) proofClaims(changed oauthtest.Claims) oauthtest.Claims {
	claims := oauthtest.Claims{}
	if t.nonce != "" {
		claims["nonce"] = t.nonce
	}
	maps.Copy(claims, changed)
	return claims
}

// proof is a good proof for a POST with token, changed by claims and options.
func (t *target) proof(token string, claims oauthtest.Claims, options ...oauthtest.TokenOption) (string, error) {
	return t.holder.Proof(http.MethodPost, t.URL, token, t.proofClaims(claims), options...)
}

// awaitGoodProof fails if a good proof is not accepted: every bad one would seem
// to be refused for its fault.
func (t *target) awaitGoodProof(ctx context.Context) error {
	return t.await(ctx, "a good DPoP proof to be accepted", func() error {
		token, err := t.token(t.holder.Bound())
		if err != nil {
			return err
		}
		a, err := t.send(ctx, request{token: token, scheme: schemeDPoP})
		if err == nil && !a.accepted() {
			err = errors.New(a.String())
		}
		return err
	})
}

// proving makes the proofs for a token.
type proving func(t *target, token string) ([]string, error)

// proofWith is one proof with other claims, or made otherwise.
func proofWith(claims oauthtest.Claims, options ...oauthtest.TokenOption) proving {
	return func(t *target, token string) ([]string, error) {
		proof, err := t.proof(token, claims, options...)
		return []string{proof}, err
	}
}

// proofAt is one proof that was made, or will be, at another time.
func proofAt(offset time.Duration) proving {
	return func(t *target, token string) ([]string, error) {
		return proofWith(oauthtest.Claims{"iat": time.Now().Add(offset)})(t, token)
	}
}

// present sends a token, bound to the holder's key, with these proofs.
func (t *target) present(ctx context.Context, prove proving) (*answer, error) {
	token, err := t.token(t.holder.Bound())
	if err != nil {
		return nil, err
	}
	proofs, err := prove(t, token)
	if err != nil {
		return nil, err
	}
	return t.send(ctx, request{token: token, scheme: schemeDPoP, proofs: proofs})
}

// unproven is a check that proofs are not accepted, which is a MUST.
func unproven(word, reference, sends string, prove proving) Check {
	return Check{
		ID: "A13.proof-" + word, Level: Must, Reference: reference, Sends: "a DPoP-bound token with " + sends, Wants: "401",
		probe: func(ctx context.Context, t *target) (finding, error) {
			a, err := t.present(ctx, prove)
			if err != nil {
				return finding{}, err
			}
			return judge(a, a.Status == http.StatusUnauthorized), nil
		},
	}
}

// proofChecks look at tokens that are sent by the DPoP scheme. A good one is
// accepted, or nothing here runs.
func proofChecks() []Check {
	another := func(t *target, token string) ([]string, error) {
		proof, err := t.Issuer.other.Proof(http.MethodPost, t.URL, token, t.proofClaims(nil))
		return []string{proof}, err
	}
	twice := func(t *target, token string) ([]string, error) {
		first, err := t.proof(token, nil)
		if err != nil {
			return nil, err
		}
		second, err := t.proof(token, nil)
		return []string{first, second}, err
	}
	private := func(t *target, token string) ([]string, error) {
		jwk := t.holder.JWK()
		jwk["d"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		return proofWith(nil, oauthtest.Header("jwk", jwk))(t, token)
	}
	confused := func(t *target, token string) ([]string, error) {
		return proofWith(nil, oauthtest.SignedWithHMAC(t.holder.PublicPEM()))(t, token)
	}
	return append([]Check{
		unproven("missing", "RFC 9449 section 7.1", "no proof", func(*target, string) ([]string, error) { return []string{}, nil }),
		unproven("of-another-key", rfc9449, "a proof by another key", another),
		unproven("twice", rfc9449, "two proofs", twice),
		unproven("garbage", rfc9449, "garbage for a proof", func(*target, string) ([]string, error) { return []string{"a.b.c"}, nil }),
		unproven("unsigned", rfc9449, "a proof whose alg is none", proofWith(nil, oauthtest.Unsigned())),
		unproven("hmac-with-the-public-key", rfc9449, "a proof signed by HS256 with the public key", confused),
		unproven("bad-signature", rfc9449, "a proof with one bit of the signature changed", proofWith(nil, oauthtest.BadSignature())),
		unproven("private-key", rfc9449, "a proof whose jwk has a private key", private),
		unproven("no-key", rfc9449, "a proof without jwk", proofWith(nil, oauthtest.Header("jwk", nil))),
		unproven("typ", rfc9449, "a proof whose typ is JWT", proofWith(nil, oauthtest.Header("typ", "JWT"))),
		unproven("no-jti", rfc9449, "a proof without jti", proofWith(oauthtest.Claims{"jti": nil})),
		unproven("other-method", rfc9449, "a proof for GET", proofWith(oauthtest.Claims{"htm": http.MethodGet})),
		unproven("no-method", rfc9449, "a proof without htm", proofWith(oauthtest.Claims{"htm": nil})),
		unproven("other-uri", rfc9449, "a proof for another server", proofWith(oauthtest.Claims{"htu": "https://other.example.com/mcp"})),
		unproven("no-uri", rfc9449, "a proof without htu", proofWith(oauthtest.Claims{"htu": nil})),
		unproven("other-token", rfc9449, "a proof for another token", proofWith(oauthtest.Claims{"ath": oauthtest.TokenHash("other")})),
		unproven("no-token", rfc9449, "a proof without ath", proofWith(oauthtest.Claims{"ath": nil})),
		unproven("old", rfc9449, "a proof of an hour ago", proofAt(-time.Hour)),
		unproven("of-the-future", rfc9449, "a proof of an hour from now", proofAt(time.Hour)),
		unproven("no-time", rfc9449, "a proof without iat", proofWith(oauthtest.Claims{"iat": nil})),
	}, schemeChecks()...)
}

// schemeChecks look at DPoP beside its proofs.
func schemeChecks() []Check {
	return []Check{
		{
			ID: "A13.proof-used-before", Level: Should, Reference: "RFC 9449 section 11.1", Sends: "a proof for the second time", Wants: "first 200, then 401",
			probe: replay,
		},
		{
			ID: "A13.dpop-token-not-bound", Level: Must, Reference: rfc9449, Sends: "a token that is bound to no key by the DPoP scheme", Wants: "401",
			probe: func(ctx context.Context, t *target) (finding, error) {
				token, err := t.token(oauthtest.Claims{"cnf": nil})
				if err != nil {
					return finding{}, err
				}
				a, err := t.send(ctx, request{token: token, scheme: schemeDPoP})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.Status == http.StatusUnauthorized), nil
			},
		},
		{
			ID: "A13.dpop-as-bearer", Level: Must, Reference: "RFC 9449 section 7.2", Sends: "a DPoP-bound token with a good proof by the Bearer scheme", Wants: "401",
			probe: func(ctx context.Context, t *target) (finding, error) {
				token, err := t.token(t.holder.Bound())
				if err != nil {
					return finding{}, err
				}
				proof, err := t.proof(token, nil)
				if err != nil {
					return finding{}, err
				}
				a, err := t.send(ctx, request{token: token, scheme: schemeBearer, proofs: []string{proof}})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.Status == http.StatusUnauthorized), nil
			},
		},
		{
			ID: "A13.dpop-challenge", Level: Should, Reference: "RFC 9449 section 7.1", Sends: "no token", Wants: "401 with a DPoP challenge that has algs",
			probe: func(_ context.Context, t *target) (finding, error) {
				algs := t.stranger.challengeOf(schemeDPoP)["algs"]
				return judgeText(fmt.Sprintf("%s algs=%q", t.stranger, algs), t.stranger.Status == http.StatusUnauthorized && signsAsymmetrically(strings.Fields(algs))), nil
			},
		},
		{
			ID: "A13.proof-error-code", Level: Should, Reference: "RFC 9449 section 7.1", Sends: "a DPoP-bound token with a proof for GET", Wants: `a DPoP challenge with error="invalid_dpop_proof"`,
			probe: func(ctx context.Context, t *target) (finding, error) {
				a, err := t.present(ctx, proofWith(oauthtest.Claims{"htm": http.MethodGet}))
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.challengeOf(schemeDPoP)["error"] == "invalid_dpop_proof"), nil
			},
		},
		{
			ID: "A13.dpop-metadata", Level: Should, Reference: "RFC 9728 section 2, RFC 9449 section 7.1", Sends: "GET the well-known URI", Wants: "dpop_signing_alg_values_supported; dpop_bound_access_tokens_required where it is",
			probe: inMetadata(func(t *target, m *metadata) (string, bool) {
				got := fmt.Sprintf("algorithms %v, required %v", m.ProofAlgorithms, m.ProofRequired)
				return got, signsAsymmetrically(m.ProofAlgorithms) && m.ProofRequired == (t.DPoP == DPoPRequired)
			}),
		},
	}
}

// signsAsymmetrically tells whether there are algorithms, and none that must not
// sign proofs (RFC 9449 section 4.2).
func signsAsymmetrically(algorithms []string) bool {
	for _, alg := range algorithms {
		if alg == "none" || strings.HasPrefix(alg, "HS") {
			return false
		}
	}
	return len(algorithms) > 0
}

// replay sends the same proof with the same token twice.
func replay(ctx context.Context, t *target) (finding, error) {
	token, err := t.token(t.holder.Bound())
	if err != nil {
		return finding{}, err
	}
	proof, err := t.proof(token, nil)
	if err != nil {
		return finding{}, err
	}
	r := request{token: token, scheme: schemeDPoP, proofs: []string{proof}}
	first, err := t.send(ctx, r)
	if err != nil {
		return finding{}, err
	}
	second, err := t.send(ctx, r)
	if err != nil {
		return finding{}, err
	}
	return judgeText(fmt.Sprintf("first %s, then %s", first, second), first.accepted() && second.Status == http.StatusUnauthorized), nil
}
