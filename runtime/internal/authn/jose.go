package authn

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// algorithms are the asymmetric JWS algorithms that are verified here, with the
// keys they need. What is not in this table, none and HMAC above all, is refused
// before anything is computed (RFC 8725 section 3.1).
var algorithms = map[string]algorithm{
	"ES256":  newAlgorithm(jwa.ES256, jwa.EC, jwa.P256),
	"ES384":  newAlgorithm(jwa.ES384, jwa.EC, jwa.P384),
	"ES512":  newAlgorithm(jwa.ES512, jwa.EC, jwa.P521),
	"ES256K": {jwa.EC, verifiers{curveSecp256k1: es256k{}}},
	"RS256":  newAlgorithm(jwa.RS256, jwa.RSA, ""),
	"RS384":  newAlgorithm(jwa.RS384, jwa.RSA, ""),
	"RS512":  newAlgorithm(jwa.RS512, jwa.RSA, ""),
	"PS256":  newAlgorithm(jwa.PS256, jwa.RSA, ""),
	"PS384":  newAlgorithm(jwa.PS384, jwa.RSA, ""),
	"PS512":  newAlgorithm(jwa.PS512, jwa.RSA, ""),
	// The one name leaves the curve to the key (RFC 8037 section 3.1), the others say
	// it (RFC 9864).
	"EdDSA":   {jwa.OKP, verifiers{jwa.Ed25519: libraryVerifier(jwa.EdDSA), jwa.Ed448: ed448Verifier{}}},
	"Ed25519": newAlgorithm(jwa.EdDSA, jwa.OKP, jwa.Ed25519),
	"Ed448":   {jwa.OKP, verifiers{jwa.Ed448: ed448Verifier{}}},
}

// sameAlgorithm tells whether two names mean one algorithm with keys of a curve.
func sameAlgorithm(a, b string, curve jwa.EllipticCurveAlgorithm) bool {
	return fullName(a, curve) == fullName(b, curve)
}

// fullName is the name of RFC 9864 for what EdDSA means with keys of a curve.
func fullName(name string, curve jwa.EllipticCurveAlgorithm) string {
	if name == "EdDSA" {
		return curve.String()
	}
	return name
}

type algorithm struct {
	keyType   jwa.KeyType
	verifiers verifiers
}

// verifiers are by the curve of the key, "" for RSA.
type verifiers map[jwa.EllipticCurveAlgorithm]jws.Verifier

// newAlgorithm returns one that the library verifies.
func newAlgorithm(alg jwa.SignatureAlgorithm, keyType jwa.KeyType, curve jwa.EllipticCurveAlgorithm) algorithm {
	return algorithm{keyType: keyType, verifiers: verifiers{curve: libraryVerifier(alg)}}
}

func libraryVerifier(alg jwa.SignatureAlgorithm) jws.Verifier {
	verifier, err := jws.NewVerifier(alg)
	if err != nil {
		panic(err) // only if the library drops an algorithm
	}
	return verifier
}

// compact is a parsed JWS compact serialization, its signature not verified yet.
type compact struct {
	algorithm    algorithm
	algName      string
	kid          string
	typed        bool            // typ is at+jwt (RFC 9068)
	jwk          json.RawMessage // as it came; only for kinds that bring their key
	signingInput string
	payload      []byte
	signature    []byte
}

var b64 = base64.RawURLEncoding.Strict()

// parseCompact reads the three parts and judges the header. Of the header,
// alg, kid, typ and crit are used; jku, x5u, jwk and x5c are not: a token does
// not bring its own key.
func parseCompact(token string) (*compact, *Error) {
	return parseCompactOf(token, allowedType)
}

// parseCompactOf is parseCompact for another typ.
func parseCompactOf(token string, allowed func(typ string) bool) (*compact, *Error) {
	header, rest, ok1 := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || strings.Contains(signature, ".") {
		return nil, refuse(Malformed, "not a JWS of three parts")
	}
	c := &compact{signingInput: token[:len(header)+1+len(payload)]}
	if err := c.readHeader(header, allowed); err != nil {
		return nil, err
	}
	var err error
	if c.payload, err = b64.DecodeString(payload); err != nil {
		return nil, refuse(Malformed, "payload is not base64url")
	}
	if c.signature, err = b64.DecodeString(signature); err != nil || len(c.signature) == 0 {
		return nil, refuse(Malformed, "signature is empty or not base64url")
	}
	return c, nil
}

func (c *compact) readHeader(encoded string, allowed func(typ string) bool) *Error {
	raw, err := b64.DecodeString(encoded)
	if err != nil {
		return refuse(Malformed, "header is not base64url")
	}
	// A map, because a struct would match member names case-insensitively.
	var header map[string]json.RawMessage
	if err := json.Unmarshal(raw, &header); err != nil || !utf8.Valid(raw) {
		return refuse(Malformed, "header is not a JSON object in UTF-8")
	}
	if _, ok := header["crit"]; ok {
		return refuse(CriticalHeader, "crit is present and no extension is understood (RFC 7515 section 4.1.11)")
	}
	// RFC 7797: an unencoded payload would change what was signed.
	if _, ok := header["b64"]; ok {
		return refuse(CriticalHeader, "b64 is present")
	}
	alg, ok1 := stringMember(header, "alg")
	kid, ok2 := stringMember(header, "kid")
	typ, ok3 := stringMember(header, "typ")
	if !ok1 || !ok2 || !ok3 {
		return refuse(Malformed, "alg, kid or typ is not a string")
	}
	if !allowed(typ) {
		return refuse(BadType, "typ is of another kind of token (RFC 8725 section 3.11, RFC 9068 section 4)")
	}
	c.algorithm, ok1 = algorithms[alg]
	if !ok1 {
		return refuse(BadAlgorithm, "alg is not an allowed asymmetric algorithm")
	}
	c.algName, c.kid, c.typed, c.jwk = alg, kid, mediaType(typ) == "at+jwt", header["jwk"]
	return nil
}

// stringMember returns "" for an absent member and false for one that is not a
// string.
func stringMember(m map[string]json.RawMessage, name string) (string, bool) {
	raw, ok := m[name]
	if !ok {
		return "", true
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", false
	}
	return *s, true
}

// allowedType keeps tokens of other kinds out (RFC 8725 section 3.11): logout
// tokens, DPoP proofs and the like are signed by the same keys.
func allowedType(typ string) bool {
	switch mediaType(typ) {
	case "", "jwt", "at+jwt":
		return true
	}
	return false
}

// mediaType is a typ without the prefix that may be left out (RFC 7515 section
// 4.1.9).
func mediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}
