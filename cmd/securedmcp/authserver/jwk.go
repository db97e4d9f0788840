package authserver

import (
	"crypto"
	"encoding/json"
	"fmt"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// publicJWK has the members that make the public key and no other (RFC 7638 section
// 3.2). The library has no keys of two of the curves.
func publicJWK(public crypto.PublicKey) (map[string]any, error) {
	switch public := public.(type) {
	case *secp256k1.PublicKey:
		return secp256k1JWK(public), nil
	case ed448.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed448", "x": encodeSegment(public)}, nil
	}
	return libraryJWK(public)
}

// privateJWK has the members of publicJWK and those that are secret.
func privateJWK(private crypto.Signer) (map[string]any, error) {
	var secret []byte
	switch private := private.(type) {
	case secp256k1Key:
		secret = private.Serialize()
	case ed448.PrivateKey:
		secret = private.Seed()
	default:
		return libraryJWK(private)
	}
	members, err := publicJWK(private.Public())
	if err != nil {
		return nil, err
	}
	members["d"] = encodeSegment(secret)
	return members, nil
}

func libraryJWK(raw any) (map[string]any, error) {
	key, err := jwk.FromRaw(raw)
	if err != nil {
		return nil, fmt.Errorf("making a JWK: %w", err)
	}
	encoded, err := json.Marshal(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a JWK: %w", err)
	}
	var members map[string]any
	if err := json.Unmarshal(encoded, &members); err != nil {
		return nil, fmt.Errorf("decoding a JWK that was just encoded: %w", err)
	}
	return members, nil
}
