package authn

import (
	"bytes"
	"encoding/json"

	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/lestrrat-go/jwx/v2/jwa"
)

// parseEd448 reads the public key of a JWK (RFC 8037 section 2).
func parseEd448(members map[string]json.RawMessage) any {
	x, ok := bytesMember(members, "x", ed448.PublicKeySize)
	if !ok || !isEd448Point(x) {
		return nil
	}
	return ed448.PublicKey(x)
}

// isEd448Point wants a point on the curve by its one encoding: by another, a key that
// was lost would come back under another thumbprint. The library ignores seven bits.
// Points of an order that divides the cofactor, four, are no keys: whatever they are
// said to have signed, everybody can sign.
func isEd448Point(x []byte) bool {
	point, err := goldilocks.FromBytes(x)
	if err != nil {
		return false
	}
	curve := goldilocks.Curve{}
	if curve.Double(curve.Double(point)).IsIdentity() {
		return false
	}
	encoded := make([]byte, ed448.PublicKeySize)
	return point.ToBytes(encoded) == nil && bytes.Equal(encoded, x)
}

func jwkOfEd448(public ed448.PublicKey) map[string]string {
	return map[string]string{"kty": jwa.OKP.String(), "crv": jwa.Ed448.String(), "x": b64.EncodeToString(public)}
}

// ed448Verifier verifies Ed448 as JOSE has it: the pure one, with an empty context
// (RFC 8037 section 3.1).
type ed448Verifier struct{}

// Verify implements jws.Verifier.
func (ed448Verifier) Verify(signed, signature []byte, key any) error {
	public, ok := key.(ed448.PublicKey)
	if !ok || !ed448.Verify(public, signed, signature, "") {
		return errBadSignature
	}
	return nil
}
