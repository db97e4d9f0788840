package authserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Ed448 is the algorithm of RFC 9864, which the library has no name for. EdDSA makes
// keys of Ed25519.
const Ed448 jwa.SignatureAlgorithm = "Ed448"

// Key is a signing key pair.
type Key struct {
	// ID is the kid: the key's RFC 7638 thumbprint, unless set otherwise before
	// the key is used.
	ID string
	// Algorithm is what the key signs with.
	Algorithm jwa.SignatureAlgorithm
	// Members changes the published JWK; a nil value leaves a member out. Some
	// authorization servers publish keys without alg, use or even kid.
	Members map[string]any

	private crypto.Signer
	public  map[string]any // the members of publicJWK
}

// NewKey makes a key for one of the algorithms that Config.Algorithm lists.
func NewKey(algorithm jwa.SignatureAlgorithm) (*Key, error) {
	private, err := generate(algorithm)
	if err != nil {
		return nil, err
	}
	public, err := publicJWK(private.Public())
	if err != nil {
		return nil, err
	}
	key := &Key{Algorithm: algorithm, private: private, public: public}
	key.ID = key.Thumbprint()
	return key, nil
}

func generate(algorithm jwa.SignatureAlgorithm) (crypto.Signer, error) {
	switch algorithm {
	case jwa.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jwa.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jwa.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jwa.RS256, jwa.RS384, jwa.RS512, jwa.PS256, jwa.PS384, jwa.PS512:
		return rsa.GenerateKey(rand.Reader, 2048)
	case jwa.EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case jwa.ES256K:
		private, err := secp256k1.GeneratePrivateKey()
		return secp256k1Key{private}, err
	case Ed448:
		_, private, err := ed448.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, fmt.Errorf("algorithm %q: want one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES256K, ES384, ES512, EdDSA, Ed448", algorithm)
	}
}

// PublicPEM is the public key in PEM, for example to show that it is no HMAC
// secret. There is none of ES256K and Ed448, which the standard library lacks.
func (k *Key) PublicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		panic(fmt.Sprintf("encoding a public key that NewKey made: %v", err))
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// PrivatePEM is the private key in PEM (PKCS #8), for a client that signs with
// it. There is none of ES256K and Ed448, as with PublicPEM.
func (k *Key) PrivatePEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		panic(fmt.Sprintf("encoding a private key that NewKey made: %v", err))
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// JWK is the public key as the key set publishes it (RFC 7517).
func (k *Key) JWK() map[string]any {
	members := maps.Clone(k.public)
	overlay(members, map[string]any{"kid": k.ID, "alg": k.Algorithm.String(), "use": "sig"})
	overlay(members, k.Members)
	return members
}

// PrivateJWK is the JSON of the private key with the names that the key set
// publishes: what an authorization server must never serve, for tests that do.
func (k *Key) PrivateJWK() []byte {
	members, err := privateJWK(k.private)
	if err != nil {
		panic(fmt.Sprintf("encoding a private key that NewKey made: %v", err))
	}
	overlay(members, map[string]any{"kid": k.ID, "alg": k.Algorithm.String(), "use": "sig"})
	raw, err := json.Marshal(members)
	if err != nil {
		panic(fmt.Sprintf("encoding a private key that NewKey made: %v", err))
	}
	return raw
}

func (k *Key) sign(input []byte) ([]byte, error) {
	switch k.Algorithm {
	case jwa.ES256K:
		digest := sha256.Sum256(input)
		return k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	case Ed448:
		return k.private.Sign(rand.Reader, input, crypto.Hash(0))
	}
	signer, err := jws.NewSigner(k.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.Algorithm, err)
	}
	return signer.Sign(input, k.private)
}
