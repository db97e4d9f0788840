package httpmw

import (
	"mime"
	"net/http"
	"strings"
)

// RefuseCodings refuses a body that is compressed, or says that it is, and one of
// two types or of another charset than UTF-8. None is undone here, and who decides
// by the body before us may have read another one (RFC 9110 sections 8.3 and 8.4).
func RefuseCodings(r *Responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if isOddType(req.Header["Content-Type"]) || isCoded(req.Header["Content-Encoding"]) {
				r.Refuse(w, req, Refusal{Status: http.StatusUnsupportedMediaType, Error: "unsupported_media_type", Reason: "unsupported_media_type"})
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

func isOddType(types []string) bool {
	if len(types) != 1 {
		return len(types) > 1
	}
	if !strings.Contains(types[0], ";") {
		return false
	}
	_, parameters, err := mime.ParseMediaType(types[0])
	charset, named := parameters["charset"]
	return err != nil || named && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8")
}

func isCoded(encodings []string) bool {
	return len(encodings) > 1 || len(encodings) == 1 && !strings.EqualFold(encodings[0], "identity")
}
