package httpmw

import (
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/admission"
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
				r.Refuse(w, req, Refusal{
					Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable", RetryAfter: time.Second, Reason: "overloaded",
				})
				return
			}
			defer pass.Leave()
			next.ServeHTTP(w, req.WithContext(admission.WithPass(req.Context(), pass)))
		})
	}
}
