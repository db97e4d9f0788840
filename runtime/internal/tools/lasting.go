package tools

import (
	"context"
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

// lasting returns a context that ends with what let the caller in: at expires, when
// the login that is needed is too long ago, or when a key leaves the set that
// verified the token. A client that comes back is judged anew.
func lasting(ctx context.Context, caller *authn.Principal, expires time.Time, needs policy.Authentication, skew time.Duration) (context.Context, context.CancelFunc) {
	if until, bounded := needs.Until(caller.Login, skew); bounded && until.Before(expires) {
		expires = until
	}
	ctx, cancel := context.WithDeadline(ctx, expires)
	if caller.Withdrawn != nil {
		go func() {
			select {
			case <-caller.Withdrawn:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

// stream is an answer that is an event stream: it lasts as long as the context.
type stream struct {
	lasts context.Context
	end   context.CancelFunc
}

type streamKey struct{}

// boundStream ends answers that are event streams, and the calls behind them, no
// later than subscriptions, but for changes that keep nobody out. An opaque token counts until it expires itself: to
// cut a call off because the issuer was asked some seconds ago would be to fail it.
func boundStream(next http.Handler, c *Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller := authn.FromContext(req.Context())
		if caller == nil {
			next.ServeHTTP(w, req) // callTool refuses it
			return
		}
		lasts, end := lasting(context.WithoutCancel(req.Context()), caller, caller.TokenExpires, c.Policy.Door.Authentication, c.Policy.ClockSkew)
		defer end()
		defer c.WhenRevoked(end)()
		ctx, cancel := within(req.Context(), lasts)
		defer cancel()
		next.ServeHTTP(w, req.WithContext(context.WithValue(ctx, streamKey{}, &stream{lasts, end})))
	})
}

// boundCall returns the context for a call whose answer may be a stream, which then
// ends with the login that the tool needs, too. The SDK ends the calls of new clients
// with their request; those of older ones it lets go on.
func boundCall(ctx context.Context, caller *authn.Principal, needs policy.Authentication, skew time.Duration) (context.Context, context.CancelFunc) {
	s, _ := ctx.Value(streamKey{}).(*stream)
	if s == nil {
		return ctx, func() {}
	}
	ctx, cancel := within(ctx, s.lasts)
	until, bounded := needs.Until(caller.Login, skew)
	if !bounded {
		return ctx, cancel
	}
	timer := time.AfterFunc(time.Until(until), s.end)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

// within returns ctx, ended with other too.
func within(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(other, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
