package httpmw

import (
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/tracing"
)

// Trace makes a span of each request that it gets. It comes after the door:
// strangers start no traces and join none. A nil tracer makes none.
func Trace(t *tracing.Tracer, route string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if t == nil {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			i := identityOf(req.Context())
			ctx, span := t.Request(req.Context(), req, route, i.id, i.arrived)
			defer span.End()
			next.ServeHTTP(w, req.WithContext(ctx))
		})
	}
}
