package httpmw

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	encodedPrefix = "=?base64?"
	encodedSuffix = "?="
)

// single are the headers that repeat the body, beside those of arguments.
var single = []string{"Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"}

const paramPrefix = "Mcp-Param-"

// RefuseRepeated refuses a header that repeats the body and comes more than once:
// who decides by it before us may have read the other. It comes after LimitDepth,
// for the id of the answer.
func RefuseRepeated(r *Responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			for name, values := range req.Header {
				if len(values) > 1 && (slices.Contains(single, name) || strings.HasPrefix(name, paramPrefix)) {
					r.Refuse(w, req, headerMismatch("header mismatch: a header that repeats the body comes more than once"))
					return
				}
			}
			next.ServeHTTP(w, req)
		})
	}
}

// DecodeNames replaces an Mcp-Name that is written =?base64?...?= by what it
// says, which is what has to equal the name in the body. What does not decode
// stays, and then equals nothing. An Mcp-Param header that is there and empty is
// written so, because the SDK takes it for one that is not there.
func DecodeNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if name, ok := decode(req.Header.Get("Mcp-Name")); ok {
			req.Header.Set("Mcp-Name", name)
		}
		for name, values := range req.Header {
			if strings.HasPrefix(name, paramPrefix) && len(values) == 1 && values[0] == "" {
				req.Header[name] = []string{encodedPrefix + encodedSuffix}
			}
		}
		next.ServeHTTP(w, req)
	})
}

// DecodeValue returns what the value of a header says that repeats the body, and
// whether it says anything: visible ASCII, spaces and tabs, or any UTF-8 in base64.
func DecodeValue(s string) (string, bool) {
	if strings.HasPrefix(s, encodedPrefix) && strings.HasSuffix(s, encodedSuffix) {
		return decode(s)
	}
	plain := !strings.ContainsFunc(s, func(c rune) bool { return c != '\t' && (c < ' ' || c > '~') })
	return s, plain
}

func decode(s string) (string, bool) {
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
