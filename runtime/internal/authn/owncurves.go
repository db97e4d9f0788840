package authn

import (
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

var errBadSignature = errors.New("the signature does not verify")

// ownCurve is a curve that the library has no keys of, and that is read here.
type ownCurve struct {
	keyType jwa.KeyType
	// parse returns nil for what is no key.
	parse func(members map[string]json.RawMessage) (public any)
}

var ownCurves = map[jwa.EllipticCurveAlgorithm]ownCurve{
	curveSecp256k1: {jwa.EC, parseSecp256k1},
	jwa.Ed448:      {jwa.OKP, parseEd448},
}

// parseOwn reads a JWK of one of ownCurves, as parseKey does the others. Ours tells
// whether it is of one.
func parseOwn(members map[string]json.RawMessage) (k *key, ours bool) {
	kty, _ := stringMember(members, "kty")
	crv, _ := stringMember(members, "crv")
	curve, ok := ownCurves[jwa.EllipticCurveAlgorithm(crv)]
	if !ok || kty != curve.keyType.String() {
		return nil, false
	}
	kid, ok1 := optionalMember(members, "kid")
	alg, ok2 := optionalMember(members, "alg")
	use, ok3 := optionalMember(members, "use")
	if !ok1 || !ok2 || !ok3 || use != "" && use != string(jwk.ForSignature) {
		return nil, true
	}
	public := curve.parse(members)
	if public == nil {
		return nil, true
	}
	return &key{kid: kid, alg: alg, keyType: curve.keyType, curve: jwa.EllipticCurveAlgorithm(crv), public: public}, true
}

// optionalMember is stringMember where null is no member, as it is to the library:
// some issuers write it for what they have not got.
func optionalMember(members map[string]json.RawMessage, name string) (string, bool) {
	if string(members[name]) == "null" {
		return "", true
	}
	return stringMember(members, name)
}

// bytesMember reads a base64url member of exactly size bytes.
func bytesMember(members map[string]json.RawMessage, name string, size int) ([]byte, bool) {
	s, ok := stringMember(members, name)
	if !ok {
		return nil, false
	}
	raw, err := b64.DecodeString(s)
	return raw, err == nil && len(raw) == size
}

// ownThumbprint is thumbprintOf for keys of ownCurves.
func ownThumbprint(public any) (t Thumbprint, ours bool) {
	var members map[string]string
	switch public := public.(type) {
	case *secp256k1.PublicKey:
		members = jwkOfSecp256k1(public)
	case ed448.PublicKey:
		members = jwkOfEd448(public)
	default:
		return t, false
	}
	canonical, err := json.Marshal(members) // in the order of RFC 7638, and nothing in them is escaped
	return sha256.Sum256(canonical), err == nil
}
