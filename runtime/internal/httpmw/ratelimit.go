package httpmw

import (
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/ratelimit"
)

// LimitRate bounds how often a caller may ask: a subject by way of a client. It
// comes before the body is read, which may take a caller long and holds a place
// all the while. A nil limiter bounds nothing.
func LimitRate(limiter ratelimit.Limiter, r *Responder) func(http.Handler) http.Handler {
	return charge(limiter, r, func(*http.Request) int { return 1 })
}

// LimitBatch charges the messages of a batch beyond the first, which LimitRate
// has charged. A batch of more than burst, what is allowed at once, is told so:
// whenever it came again it would be too large.
func LimitBatch(limiter ratelimit.Limiter, burst int, r *Responder) func(http.Handler) http.Handler {
	further := charge(limiter, r, func(req *http.Request) int { return calls(req.Context()) - 1 })
	return func(next http.Handler) http.Handler {
		charged := further(next)
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if limiter != nil && calls(req.Context()) > burst {
				r.Refuse(w, req, Refusal{Status: http.StatusBadRequest, Error: "batch_too_large", Reason: "batch_too_large"})
				return
			}
			charged.ServeHTTP(w, req)
		})
	}
}

func charge(limiter ratelimit.Limiter, r *Responder, count func(*http.Request) int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if limiter == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if n := count(req); n > 0 {
				verdict := limiter.Take(req.Context(), authn.FromContext(req.Context()).Identity(), n)
				if !verdict.Allowed {
					r.Refuse(w, req, Refusal{
						Status: http.StatusTooManyRequests, Error: "rate_limited", Reason: "rate_limited",
						RetryAfter: wholeSeconds(verdict.RetryAfter),
					})
					return
				}
			}
			next.ServeHTTP(w, req)
		})
	}
}

// wholeSeconds rounds up: a client that comes back too early is refused again.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
