package httpmw

import (
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/admission"
	"github.com/securedmcp/operator/runtime/internal/authn"
)

// ShareAnswers has large answers of upstreams, of at most maxBytes each, share a bounded
// memory until they have been written.
func ShareAnswers(maxBytes int64) func(http.Handler) http.Handler {
	answers := admission.NewAnswers(maxBytes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ctx, answer := answers.WithAnswer(req.Context(), authn.FromContext(req.Context()).Identity())
			defer answer.Give()
			next.ServeHTTP(w, req.WithContext(ctx))
		})
	}
}
