package httpmw

import (
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/admission"
	"github.com/securedmcp/operator/runtime/internal/authn"
)

// overloaded is the answer where there is no room for anybody, and tooMany where one
// caller has had their share of it.
var (
	overloaded = Refusal{Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable", RetryAfter: time.Second, Reason: "overloaded"}
	tooMany    = Refusal{Status: http.StatusTooManyRequests, Error: "too_many_requests", RetryAfter: time.Second, Reason: "too_many_requests"}
)

// LimitConcurrency answers 503 to requests beyond the limit instead of letting
// them queue up in memory. Those that wait for the issuer while it is not known
// who they are, and streams, which are bounded elsewhere, do not count.
func LimitConcurrency(limit int, r *Responder) func(http.Handler) http.Handler {
	gate := admission.NewGate(limit)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			pass, ok := gate.Enter(func() string { return admission.Source(req) })
			if !ok {
				r.Refuse(w, req, overloaded)
				return
			}
			defer pass.Leave()
			next.ServeHTTP(w, req.WithContext(admission.WithPass(req.Context(), pass)))
		})
	}
}

// ShareConcurrency leaves a quarter of the places to others than any one caller, a
// subject by way of a client: who holds bodies back, or has a tool that takes long,
// could have all of them. Beyond, the answer is 429.
func ShareConcurrency(r *Responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !admission.FromContext(req.Context()).Claim(authn.FromContext(req.Context()).Identity()) {
				r.Refuse(w, req, tooMany)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}
