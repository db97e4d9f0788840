package authn

import (
	"context"
	"time"

	"github.com/securedmcp/operator/runtime/internal/policy"
)

// Principal is who a verified token speaks for. Many are kept at once, packed: a
// new field belongs into pack too.
type Principal struct {
	// Subject is the sub claim, or the client's id where there is no sub.
	Subject string
	// ClientID is the client_id, azp, appid or cid claim, in this order.
	ClientID string
	// Scopes are the declared scopes that the token carries, with all that
	// they imply.
	Scopes policy.Set
	// Expires is when the verdict on the token stops being believed: with
	// TokenExpires, or with the issuer's answer about an opaque token.
	Expires time.Time
	// TokenExpires is the exp claim plus the clock skew allowed for.
	TokenExpires time.Time
	// ACR is the acr claim, and Login the auth_time claim, zero without one (RFC
	// 9470).
	ACR   string
	Login time.Time
	// Key is what the token is bound to (cnf.jkt, RFC 9449 section 6.1), nil for a
	// bearer token. A bound one is worth nothing without a proof: see DPoP.Check.
	Key *Thumbprint
	// Withdrawn is closed once a key leaves the set that verified the token: what
	// goes on for longer than a request has to be judged anew then. It is nil
	// where there is no such set, and not packed.
	Withdrawn <-chan struct{}
}

// Identity names the caller for limits: the subject by way of the client. It
// joins with a byte that neither part has: NUL is escaped in JSON strings and
// would have to be there on purpose, by the issuer.
func (p *Principal) Identity() string { return p.ClientID + "\x00" + p.Subject }

type principalKey struct{}

// WithPrincipal returns a context that carries p.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the caller, or nil outside the door.
func FromContext(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}
