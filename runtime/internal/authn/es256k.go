package authn

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/lestrrat-go/jwx/v2/jwa"
)

// curveSecp256k1 is of RFC 8812. The library knows it behind a build tag only, which
// whoever builds or embeds the runtime would have to think of.
const curveSecp256k1 jwa.EllipticCurveAlgorithm = "secp256k1"

const secp256k1Bytes = 32 // of a coordinate, and of each half of a signature

// parseSecp256k1 reads the public key of a JWK (RFC 8812 section 3.1), which has its
// coordinates in full length (RFC 7518 section 6.2.1.2) and on the curve.
func parseSecp256k1(members map[string]json.RawMessage) any {
	x, ok1 := bytesMember(members, "x", secp256k1Bytes)
	y, ok2 := bytesMember(members, "y", secp256k1Bytes)
	if !ok1 || !ok2 {
		return nil
	}
	point := append([]byte{secp256k1.PubKeyFormatUncompressed}, x...)
	public, err := secp256k1.ParsePubKey(append(point, y...))
	if err != nil {
		return nil // not on the curve, or a coordinate that is not reduced
	}
	return public
}

func jwkOfSecp256k1(public *secp256k1.PublicKey) map[string]string {
	point := public.SerializeUncompressed()[1:]
	return map[string]string{
		"kty": jwa.EC.String(), "crv": curveSecp256k1.String(),
		"x": b64.EncodeToString(point[:secp256k1Bytes]), "y": b64.EncodeToString(point[secp256k1Bytes:]),
	}
}

// es256k verifies ECDSA with secp256k1 and SHA-256.
type es256k struct{}

// Verify implements jws.Verifier. The signature is R and S, each of 32 bytes and from
// 1 to the order less one (RFC 8812 section 3.2). Of the two S that are as good, that
// section does not ask for the lower, as blockchains do: both are accepted, as with
// the other curves. Nothing here takes a signature for the name of what it signs.
func (es256k) Verify(signed, signature []byte, key any) error {
	public, ok := key.(*secp256k1.PublicKey)
	if !ok || len(signature) != 2*secp256k1Bytes {
		return errBadSignature
	}
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(signature[:secp256k1Bytes]) || s.SetByteSlice(signature[secp256k1Bytes:]) {
		return errBadSignature // not less than the order; it would be reduced
	}
	digest := sha256.Sum256(signed)
	if !ecdsa.NewSignature(&r, &s).Verify(digest[:], public) { // neither is zero
		return errBadSignature
	}
	return nil
}
