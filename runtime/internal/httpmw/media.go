package httpmw

import (
	"net/http"
	"strings"
)

// RefuseCodings refuses a body that is compressed, or says that it is, and one of
// two types. Neither is undone here, and who decides by the body before us may
// have read another one (RFC 9110 section 8.4).
func RefuseCodings(r *Responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if len(req.Header["Content-Type"]) > 1 || isCoded(req.Header["Content-Encoding"]) {
				r.Refuse(w, req, Refusal{Status: http.StatusUnsupportedMediaType, Error: "unsupported_media_type", Reason: "unsupported_media_type"})
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

func isCoded(encodings []string) bool {
	return len(encodings) > 1 || len(encodings) == 1 && !strings.EqualFold(encodings[0], "identity")
}
