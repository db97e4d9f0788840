package authn

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
)

// Thumbprint is the SHA-256 thumbprint of a key (RFC 7638).
type Thumbprint [sha256.Size]byte

// parseThumbprint reads a jkt (RFC 9449 section 6.1).
func parseThumbprint(s string) (t Thumbprint, ok bool) {
	raw, err := b64.DecodeString(s)
	if err != nil || len(raw) != len(t) {
		return t, false
	}
	return Thumbprint(raw), true
}

// requiredMembers are those that make a public key, in lexical order (RFC 7638
// section 3.2, RFC 8037 section 2).
var requiredMembers = map[string][]string{
	"EC":  {"crv", "kty", "x", "y"},
	"OKP": {"crv", "kty", "x"},
	"RSA": {"e", "kty", "n"},
}

// canonicalJWK reduces a JWK to what its thumbprint is computed of, and refuses
// private and symmetric keys. The key is to be parsed from the answer and not
// from raw: two parsers may disagree about repeated members, the digest and the
// key of the same bytes cannot.
func canonicalJWK(raw json.RawMessage) ([]byte, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || secretOf(members) != "" {
		return nil, false
	}
	kty, _ := stringMember(members, "kty")
	names, ok := requiredMembers[kty]
	if !ok {
		return nil, false
	}
	var b strings.Builder
	for i, name := range names {
		value, ok := stringMember(members, name)
		if !ok || !isBase64URL(value) {
			return nil, false
		}
		b.WriteString([]string{"{", ","}[min(i, 1)] + `"` + name + `":"` + value + `"`)
	}
	b.WriteString("}")
	return []byte(b.String()), true
}

// isBase64URL also holds for the names of key types and curves; nothing in that
// alphabet needs escaping in JSON.
func isBase64URL(s string) bool {
	for i := range len(s) {
		if c := s[i]; !token68[c] || c == '.' || c == '~' || c == '+' || c == '/' {
			return false
		}
	}
	return s != ""
}
