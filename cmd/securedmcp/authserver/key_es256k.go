package authserver

import (
	"crypto"
	"fmt"
	"io"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// secp256k1Key signs with ES256K (RFC 8812).
type secp256k1Key struct{ *secp256k1.PrivateKey }

func (k secp256k1Key) Public() crypto.PublicKey { return k.PubKey() }

// Sign implements crypto.Signer. The signature is that of JOSE: R and S, 32 bytes each.
func (k secp256k1Key) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	if len(digest) != crypto.SHA256.Size() {
		return nil, fmt.Errorf("ES256K: a digest of %d bytes, want one by SHA-256", len(digest))
	}
	signature := ecdsa.Sign(k.PrivateKey, digest)
	r, s := signature.R(), signature.S()
	rBytes, sBytes := r.Bytes(), s.Bytes()
	return append(rBytes[:], sBytes[:]...), nil
}

func secp256k1JWK(public *secp256k1.PublicKey) map[string]any {
	point := public.SerializeUncompressed()[1:]
	half := len(point) / 2
	return map[string]any{"kty": "EC", "crv": "secp256k1", "x": encodeSegment(point[:half]), "y": encodeSegment(point[half:])}
}
