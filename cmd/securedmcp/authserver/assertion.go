package authserver

import (
	"time"

	"github.com/lestrrat-go/jwx/v2/jwt"
)

// maxAssertionLifetime is how far ahead an assertion's exp may be.
const maxAssertionLifetime = 10 * time.Minute

// checkAssertion verifies that client signed the assertion for this server, and
// that it was not used before (RFC 7523 section 3, OpenID Connect Core section 9).
func (h *Handler) checkAssertion(client Client, assertion string) error {
	now := h.config.Now()
	token, err := jwt.Parse([]byte(assertion), jwt.WithKey(client.Key.Algorithm, client.Key.private.Public()), jwt.WithValidate(true),
		jwt.WithClock(jwt.ClockFunc(h.config.Now)), jwt.WithIssuer(client.ID), jwt.WithSubject(client.ID),
		jwt.WithRequiredClaim("jti"), jwt.WithRequiredClaim("exp"))
	if err != nil {
		return oauthErrorf(errInvalidClient, "client %q: the assertion is not good: %v", client.ID, err)
	}
	if audience := token.Audience(); len(audience) != 1 || audience[0] != h.config.Issuer && audience[0] != h.endpointURL("/token") {
		return oauthErrorf(errInvalidClient, "client %q: the assertion is for %q, not for this server", client.ID, audience)
	}
	if token.Expiration().After(now.Add(maxAssertionLifetime)) {
		return oauthErrorf(errInvalidClient, "client %q: the assertion is good for more than %s", client.ID, maxAssertionLifetime)
	}
	if !h.assertions.add(client.ID+" "+token.JwtID(), struct{}{}, now, token.Expiration()) {
		return oauthErrorf(errInvalidClient, "client %q: the assertion was used before", client.ID)
	}
	return nil
}
