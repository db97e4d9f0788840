package httpmw

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	encodedPrefix = "=?base64?"
	encodedSuffix = "?="
)

// DecodeNames replaces an Mcp-Name that is written =?base64?...?= by what it
// says, which is what has to equal the name in the body. What does not decode
// stays, and then equals nothing.
func DecodeNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if name, ok := decodeName(req.Header.Get("Mcp-Name")); ok {
			req.Header.Set("Mcp-Name", name)
		}
		next.ServeHTTP(w, req)
	})
}

func decodeName(s string) (string, bool) {
	rest, ok1 := strings.CutPrefix(s, encodedPrefix)
	encoded, ok2 := strings.CutSuffix(rest, encodedSuffix)
	if !ok1 || !ok2 {
		return "", false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !utf8.Valid(raw) {
		return "", false
	}
	return string(raw), true
}
