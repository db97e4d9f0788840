package authn

import (
	"net/http"
	"strings"
)

// maxTokenBytes bounds a bearer token. Real ones are 0.5 to 4 KiB.
const maxTokenBytes = 16 << 10

// Credentials are an access token and how it was presented.
type Credentials struct {
	Token string
	// DPoP tells that the scheme was DPoP (RFC 9449 section 7.1), not Bearer.
	DPoP bool
}

// ReadCredentials returns the access token of a request, which is in the
// Authorization header and nowhere else (RFC 6750 section 2.1). The DPoP scheme
// is one where dpop is true. Its errors are an *Error of reason NoToken,
// MalformedRequest or Malformed; with them only the scheme is set.
func ReadCredentials(r *http.Request, dpop bool) (c Credentials, _ error) {
	values := r.Header["Authorization"]
	if len(values) > 1 {
		return c, refuse(MalformedRequest, "more than one Authorization header")
	}
	if len(values) == 0 {
		return c, refuse(NoToken, "no Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	c.DPoP = dpop && strings.EqualFold(scheme, "DPoP")
	if !c.DPoP && !strings.EqualFold(scheme, "Bearer") {
		return c, refuse(NoToken, "the Authorization scheme is not one for access tokens here")
	}
	token, err := readToken(r, strings.Trim(token, " "))
	if err != nil {
		return c, err
	}
	c.Token = token
	return c, nil
}

func readToken(r *http.Request, token string) (string, error) {
	if token == "" {
		return "", refuse(MalformedRequest, "no token after the scheme")
	}
	if strings.ContainsAny(token, ", ") {
		return "", refuse(MalformedRequest, "more than one credential in the Authorization header")
	}
	// RFC 6750 section 2: more than one method is a malformed request.
	if hasQueryToken(r.URL.RawQuery) {
		return "", refuse(MalformedRequest, "a token in the header and in the query")
	}
	if len(token) > maxTokenBytes {
		return "", refuse(Malformed, "token longer than 16 KiB")
	}
	if !isToken68(token) {
		return "", refuse(Malformed, "token with characters that b64token does not have")
	}
	return token, nil
}

// hasQueryToken also finds percent-encoded spellings of the name.
func hasQueryToken(rawQuery string) bool {
	if rawQuery == "" {
		return false
	}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if unescapeQuery(name) == "access_token" {
			return true
		}
	}
	return false
}

// isToken68 tells whether s is a b64token (RFC 6750 section 2.1).
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" {
		return false
	}
	for i := range len(body) {
		if !token68[body[i]] {
			return false
		}
	}
	return true
}

var token68 = func() (t [256]bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = true
	}
	return t
}()
