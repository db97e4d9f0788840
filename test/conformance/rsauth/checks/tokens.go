package checks

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

// minting makes the token that a check sends.
type minting func(*target) (string, error)

// claims is a good token with other claims.
func claims(changed oauthtest.Claims, options ...oauthtest.TokenOption) minting {
	return func(t *target) (string, error) { return t.token(changed, options...) }
}

// claim is a good token with one other claim; nil leaves it out.
func claim(name string, value any) minting { return claims(oauthtest.Claims{name: value}) }

// literal is the same for every server.
func literal(token string) minting { return func(*target) (string, error) { return token, nil } }

// refused is a check that a token is not accepted.
func refused(level Level, id, reference, sends string, mint minting) Check {
	return Check{
		ID: id, Level: level, Reference: reference, Sends: "a token " + sends, Wants: "401",
		probe: func(ctx context.Context, t *target) (finding, error) {
			a, err := t.sendMinted(ctx, mint)
			if err != nil {
				return finding{}, err
			}
			return judge(a, a.Status == http.StatusUnauthorized), nil
		},
	}
}

// borne is refused for a token that is sent by the Bearer scheme, whatever the
// configuration.
func borne(level Level, id, reference, sends string, mint minting) Check {
	c := refused(level, id, reference, sends, nil)
	c.probe = func(ctx context.Context, t *target) (finding, error) {
		token, err := mint(t)
		if err != nil {
			return finding{}, err
		}
		a, err := t.send(ctx, request{token: token, scheme: schemeBearer})
		if err != nil {
			return finding{}, err
		}
		return judge(a, a.Status == http.StatusUnauthorized), nil
	}
	return c
}

// accepted is a check that a token is accepted, which is a MUST.
func accepted(id, reference, sends string, mint minting) Check {
	return Check{
		ID: id, Level: Must, Reference: reference, Sends: "a token " + sends, Wants: "200",
		probe: func(ctx context.Context, t *target) (finding, error) {
			a, err := t.sendMinted(ctx, mint)
			if err != nil {
				return finding{}, err
			}
			return judge(a, a.accepted()), nil
		},
	}
}

func (t *target) sendMinted(ctx context.Context, mint minting) (*answer, error) {
	token, err := mint(t)
	if err != nil {
		return nil, err
	}
	return t.send(ctx, request{token: token})
}

// sendRefused sends four tokens that are bad in different ways, and finds the
// first answer that is not ok.
func (t *target) sendRefused(ctx context.Context, ok func(*answer) bool) (finding, error) {
	var last *answer
	for _, mint := range []minting{literal("a.b.c"), claim("aud", "https://other.example.com/mcp"), claim("iss", "https://evil.example.com"), claim("exp", 1)} {
		a, err := t.sendMinted(ctx, mint)
		if err != nil {
			return finding{}, err
		}
		if !ok(a) {
			return judge(a, false), nil
		}
		last = a
	}
	return judge(last, true), nil
}

const (
	rfc6750 = "RFC 6750 section 3.1"
	rfc7519 = "RFC 7519 section 4.1"
	rfc9068 = "RFC 9068 section 4"
)

// tokenChecks look at whom a token is from and when it holds.
func tokenChecks() []Check {
	return []Check{
		{
			ID: "A5.no-token", Level: Must, Reference: rfc6750, Sends: "no token", Wants: "401 with a challenge",
			probe: func(_ context.Context, t *target) (finding, error) {
				return judge(t.stranger, t.stranger.Status == http.StatusUnauthorized && t.stranger.challenge() != nil), nil
			},
		},
		{
			ID: "A5.no-token-no-error", Level: Should, Reference: rfc6750, Sends: "no token", Wants: "401 without error",
			probe: func(_ context.Context, t *target) (finding, error) {
				_, told := t.stranger.challenge()["error"]
				return judge(t.stranger, t.stranger.Status == http.StatusUnauthorized && !told), nil
			},
		},
		{
			ID: "A5.error-code", Level: Should, Reference: rfc6750, Sends: "tokens refused for four reasons", Wants: `401 with error="invalid_token" for each`,
			probe: func(ctx context.Context, t *target) (finding, error) {
				return t.sendRefused(ctx, (*answer).invalidToken)
			},
		},
		accepted("A5.good", rfc9068, "that is good", claims(nil)),
		refused(Must, "A5.garbage", rfc6750, "that is garbage", literal("garbage")),
		refused(Must, "A5.three-parts-of-garbage", rfc6750, "of three parts of garbage", literal("a.b.c")),
		refused(Must, "A5.expired", rfc9068, "that expired an hour ago", func(t *target) (string, error) {
			return t.token(oauthtest.Claims{"exp": time.Now().Add(-time.Hour), "iat": time.Now().Add(-2 * time.Hour)})
		}),
		refused(Must, "A5.expiry-not-a-date", rfc7519, "whose exp is a string", claim("exp", "tomorrow")),
		refused(Must, "A5.not-yet-valid", rfc7519, "whose nbf is in an hour", func(t *target) (string, error) {
			return t.token(oauthtest.Claims{"nbf": time.Now().Add(time.Hour)})
		}),
		refused(Should, "A5.issued-in-the-future", rfc7519, "whose iat is in an hour", func(t *target) (string, error) {
			return t.token(oauthtest.Claims{"iat": time.Now().Add(time.Hour), "exp": time.Now().Add(2 * time.Hour)})
		}),
	}
}

// jwtChecks look at what a JWT must have, and an introspection answer need not
// (RFC 7662 section 2.2).
func jwtChecks() []Check {
	return []Check{
		refused(Must, "A5.bad-signature", rfc9068, "with one bit of the signature changed", claims(nil, oauthtest.BadSignature())),
		refused(Must, "A5.payload-not-json", "RFC 7519 section 7.2", "whose payload is no JSON object", claims(nil, oauthtest.RawPayload([]byte(`"sub"`)))),
		refused(Must, "A5.payload-not-utf8", "RFC 7519 section 7.2", "whose payload is not UTF-8", notUTF8),
		refused(Must, "A5.no-expiry", "RFC 9068 section 2.2", "without exp", claim("exp", nil)),
		refused(Must, "A5.other-issuer", rfc9068, "whose iss is another", claim("iss", "https://evil.example.com")),
		refused(Must, "A5.issuer-with-slash", "RFC 9068 section 4, RFC 3986 section 6.2.1", "whose iss has one more slash", func(t *target) (string, error) {
			return t.token(oauthtest.Claims{"iss": t.Issuer.Issuer() + "/"})
		}),
		refused(Must, "A5.no-issuer", "RFC 9068 section 2.2", "without iss", claim("iss", nil)),
	}
}

// notUTF8 is a good token but for a claim of no consequence.
func notUTF8(t *target) (string, error) {
	now := time.Now()
	all := oauthtest.Claims{
		"iss": t.Issuer.Issuer(), "aud": t.Audience, "scope": strings.Join(t.Scopes, " "), "sub": "user", "client_id": "client",
		"jti": "not-utf8", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "name": "?",
	}
	if t.DPoP == DPoPRequired {
		maps.Copy(all, t.holder.Bound())
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	return t.token(nil, oauthtest.RawPayload(bytes.Replace(payload, []byte(`"?"`), []byte("\"\xff\""), 1)))
}

// audienceChecks look at whom a token is for.
func audienceChecks() []Check {
	const reference = "RFC 9068 section 4, MCP authorization"
	other := "https://other.example.com/mcp"
	aud := func(value func(t *target) any) minting {
		return func(t *target) (string, error) { return t.token(oauthtest.Claims{"aud": value(t)}) }
	}
	return []Check{
		refused(Must, "A6.other-audience", reference, "for another server", claim("aud", other)),
		refused(Must, "A6.no-audience", reference, "without aud", claim("aud", nil)),
		refused(Must, "A6.empty-list", reference, "whose aud is an empty list", claim("aud", []string{})),
		refused(Must, "A6.list-of-others", reference, "whose aud is a list of others", claim("aud", []string{other, "account"})),
		refused(Must, "A6.audience-with-slash", reference, "whose aud has one more slash", aud(func(t *target) any { return t.Audience + "/" })),
		refused(Must, "A6.audience-prefix", reference, "whose aud is the beginning of this server's", aud(func(t *target) any { return t.Audience[:len(t.Audience)-1] })),
		refused(Must, "A6.audience-not-a-string", rfc7519, "whose aud is a number", claim("aud", 7)),
		refused(Must, "A6.issuer-as-audience", reference, "whose aud is the issuer", aud(func(t *target) any { return t.Issuer.Issuer() })),
		refused(Must, "A6.resource-claim", reference, "that names this server in resource, but not in aud", func(t *target) (string, error) {
			return t.token(oauthtest.Claims{"aud": other, "resource": t.Audience, "azp": t.Audience})
		}),
		accepted("A6.audience-list", rfc7519, "whose aud is a list with this server", aud(func(t *target) any { return []string{other, t.Audience} })),
	}
}

// boundTokenChecks look at tokens that are bound to a key which the request does
// not prove to hold.
func boundTokenChecks() []Check {
	return []Check{
		borne(Must, "A13.dpop-bound", "RFC 9449 section 7.1", "bound to a DPoP key, as a bearer token", claim("cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
		borne(Must, "A13.certificate-bound", "RFC 8705 section 3", "bound to a certificate, without the certificate", claim("cnf", map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
		borne(Should, "A13.bound-in-another-way", "RFC 7800 section 3.1", "bound in a way that has no name yet", claim("cnf", map[string]any{"x-unheard-of": "x"})),
	}
}
