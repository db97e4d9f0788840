package checks

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	rfc8725Algorithms = "RFC 8725 sections 3.1 and 3.2"
	rfc8725Headers    = "RFC 8725 section 3.10"
	rfc8725Types      = "RFC 8725 section 3.11, RFC 9068 section 4"
)

// joseChecks look at what a token says about how it is to be verified.
func joseChecks() []Check {
	header := func(name string, value any) minting { return claims(nil, oauthtest.Header(name, value)) }
	checks := []Check{
		refused(Must, "A14.alg-none", rfc8725Algorithms, "whose alg is none, unsigned", claims(nil, oauthtest.Unsigned())),
		refused(Must, "A14.alg-none-in-another-case", rfc8725Algorithms, "whose alg is nOnE, unsigned", claims(nil, oauthtest.Unsigned(), oauthtest.Header("alg", "nOnE"))),
		refused(Must, "A14.no-alg", "RFC 7515 section 4.1.1", "without alg", header("alg", nil)),
		refused(Must, "A14.hmac-with-the-public-key", rfc8725Algorithms, "signed by HS256 with the issuer's public key in PEM", func(t *target) (string, error) {
			return t.token(nil, oauthtest.SignedWithHMAC(t.Issuer.SigningKey().PublicPEM()))
		}),
		refused(Must, "A14.alg-of-another-key-type", rfc8725Algorithms, "whose alg does not fit the key", header("alg", "RS256")),
		refused(Must, "A14.stranger", "RFC 8725 section 3.3", "signed by a key that is not the issuer's", func(t *target) (string, error) {
			return t.token(nil, oauthtest.SignedWith(t.Issuer.other))
		}),
		refused(Must, "A14.stranger-under-a-known-kid", "RFC 8725 section 3.3", "signed by another key under the kid of the issuer's", func(t *target) (string, error) {
			return t.token(nil, oauthtest.SignedWith(t.Issuer.other), oauthtest.Header("kid", t.Issuer.SigningKey().ID))
		}),
		refused(Must, "A14.jwk", rfc8725Headers, "that brings its key along (jwk)", func(t *target) (string, error) {
			return t.token(nil, oauthtest.SignedWith(t.Issuer.other), oauthtest.Header("jwk", t.Issuer.other.JWK()))
		}),
	}
	for _, name := range []string{"jku", "x5u"} {
		checks = append(checks, baited(name))
	}
	checks = append(checks,
		refused(Must, "A14.crit", "RFC 7515 section 4.1.11", "with a critical extension that nobody knows", claims(nil,
			oauthtest.Header("crit", []string{"x-unheard-of"}), oauthtest.Header("x-unheard-of", true))),
		refused(Must, "A14.fourth-part", "RFC 7515 section 7.1", "with a fourth part", func(t *target) (string, error) {
			token, err := t.token(nil)
			return token + ".x", err
		}),
		refused(Must, "A14.padding", "RFC 7515 section 2", "with padding after its base64url", func(t *target) (string, error) {
			token, err := t.token(nil)
			return token + "=", err
		}),
	)
	for _, typ := range []string{"dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt"} {
		id := "A14.typ-" + strings.ReplaceAll(typ, "+", "-")
		checks = append(checks, refused(Must, id, rfc8725Types, "whose typ is "+typ, header("typ", typ)))
	}
	checks = append(checks, kindChecks()...)
	return append(checks,
		accepted("A14.typ-at-jwt", rfc9068, "whose typ is at+jwt", header("typ", "at+jwt")),
		accepted("A14.typ-application-at-jwt", rfc9068, "whose typ is application/at+jwt", header("typ", "application/at+jwt")),
	)
}

// baited is a check that a token cannot say where its key is, and that the
// server does not even look.
func baited(name string) Check {
	return Check{
		ID: "A14." + name, Level: Must, Reference: rfc8725Headers, Sends: fmt.Sprintf("a token that says where its key is (%s)", name),
		Wants: "401, and nobody looks there",
		probe: func(ctx context.Context, t *target) (finding, error) {
			before := t.Issuer.baitHit.Load()
			a, err := t.sendWith(ctx, nil, oauthtest.SignedWith(t.Issuer.other), oauthtest.Header(name, t.Issuer.bait))
			if err != nil {
				return finding{}, err
			}
			hits := t.Issuer.baitHit.Load() - before
			return judgeText(fmt.Sprintf("%s, %d fetches", a, hits), a.Status == http.StatusUnauthorized && hits == 0), nil
		},
	}
}
