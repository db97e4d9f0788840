package httpmw

import (
	"net/http"
	"time"
)

// LimitConcurrency answers 503 to requests beyond the limit instead of letting
// them queue up in memory.
func LimitConcurrency(limit int, r *Responder) func(http.Handler) http.Handler {
	slots := make(chan struct{}, limit)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				next.ServeHTTP(w, req)
			default:
				r.Refuse(w, req, Refusal{
					Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable", RetryAfter: time.Second, Reason: "overloaded",
				})
			}
		})
	}
}
