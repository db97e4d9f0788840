package httpmw

import (
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/admission"
	"github.com/securedmcp/operator/runtime/internal/authn"
)

// ShareAnswers has requests with large answers of upstreams, which come to at most maxBytes
// in one request, share a bounded memory until they have been written.
func ShareAnswers(maxBytes int64) func(http.Handler) http.Handler {
	answers := admission.NewAnswers(maxBytes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ctx, answer := answers.WithAnswer(req.Context(), authn.FromContext(req.Context()).Identity(), calls(req.Context()))
			defer answer.End()
			next.ServeHTTP(w, req.WithContext(ctx))
		})
	}
}
