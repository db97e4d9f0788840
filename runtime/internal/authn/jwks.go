package authn

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

const (
	maxKeys     = 64
	minRSABits  = 2048
	maxAttempts = 4
)

// key is one usable verification key of an issuer.
type key struct {
	kid         string
	alg         string // "" when the key names none
	keyType     jwa.KeyType
	curve       jwa.EllipticCurveAlgorithm
	public      any
	fingerprint [sha256.Size]byte
}

func (k *key) fits(name string, alg algorithm) bool {
	return k.keyType == alg.keyType && k.curve == alg.curve && (k.alg == "" || k.alg == name)
}

// keySet is what an issuer publishes, at one moment.
type keySet struct {
	keys []key
	// generation grows whenever a key is removed or changed.
	generation uint64
}

// candidates returns the keys that may have signed a token, at most four, and
// whether the set knows the token's kid.
func (s *keySet) candidates(c *compact) (keys []*key, known bool) {
	for i := range s.keys {
		k := &s.keys[i]
		if c.kid != "" && k.kid == c.kid {
			known = true
		}
		if (c.kid == "" || k.kid == "" || k.kid == c.kid) && k.fits(c.algName, c.algorithm) && len(keys) < maxAttempts {
			keys = append(keys, k)
		}
	}
	return keys, known
}

// keeps tells whether every key of s is in next, unchanged.
func (s *keySet) keeps(next *keySet) bool {
	have := make(map[[sha256.Size]byte]bool, len(next.keys))
	for i := range next.keys {
		have[next.keys[i].fingerprint] = true
	}
	for i := range s.keys {
		if !have[s.keys[i].fingerprint] {
			return false
		}
	}
	return true
}

// parseKeySet reads a JWKS (RFC 7517). Keys for encryption and keys of kinds
// that no allowed algorithm uses are passed over; a private or symmetric key is
// an error, because whoever published it has lost it.
func parseKeySet(raw []byte) (*keySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New("not a JWKS: no array named keys")
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("JWKS has %d keys; at most %d are allowed", len(doc.Keys), maxKeys)
	}
	set := new(keySet)
	for i, rawKey := range doc.Keys {
		k, err := parseKey(rawKey)
		if err != nil {
			return nil, fmt.Errorf("JWKS keys[%d]: %w", i, err)
		}
		if k != nil {
			set.keys = append(set.keys, *k)
		}
	}
	return set, nil
}

// parseKey returns nil for a key that is of no use here.
func parseKey(raw json.RawMessage) (*key, error) {
	if err := refuseSecrets(raw); err != nil {
		return nil, err
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return nil, nil //nolint:nilerr // RFC 7517 section 5: unknown or unfit keys are ignored
	}
	if use := parsed.KeyUsage(); use != "" && use != string(jwk.ForSignature) {
		return nil, nil
	}
	k := &key{kid: parsed.KeyID(), alg: parsed.Algorithm().String(), keyType: parsed.KeyType()}
	switch typed := parsed.(type) {
	case jwk.ECDSAPublicKey:
		k.curve = typed.Crv()
	case jwk.OKPPublicKey:
		k.curve = typed.Crv()
	}
	if err := parsed.Raw(&k.public); err != nil {
		return nil, nil //nolint:nilerr // as above: not on the curve, and the like
	}
	if pub, ok := k.public.(*rsa.PublicKey); ok && pub.N.BitLen() < minRSABits {
		return nil, nil
	}
	// Verifying with another length panics.
	if pub, ok := k.public.(ed25519.PublicKey); ok && len(pub) != ed25519.PublicKeySize {
		return nil, nil
	}
	k.fingerprint = sha256.Sum256(raw)
	return k, nil
}

func refuseSecrets(raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return errors.New("not a JSON object")
	}
	return refuseSecretMembers(members)
}

func refuseSecretMembers(members map[string]json.RawMessage) error {
	if kty, _ := stringMember(members, "kty"); kty == "oct" {
		return errors.New("a symmetric key is published; want public keys only")
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "priv"} {
		if _, ok := members[secret]; ok {
			return errors.New("a private key is published; want public keys only")
		}
	}
	return nil
}
