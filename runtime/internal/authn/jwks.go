package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

const (
	maxKeys    = 64
	minRSABits = 2048
	// maxAttempts is against how many keys a token is tried: who sends garbage
	// without a kid must not have it tried against each of sixty-four.
	maxAttempts = 4
)

// key is one usable verification key of an issuer.
type key struct {
	kid         string
	alg         string // "" when the key names none
	keyType     jwa.KeyType
	curve       jwa.EllipticCurveAlgorithm
	public      any
	fingerprint [sha256.Size]byte // of all that is above, however the JWK is spelt
}

// fits tells whether the key is one that the algorithm of that name verifies with.
func (k *key) fits(name string, alg algorithm) bool {
	return k.keyType == alg.keyType && alg.verifiers[k.curve] != nil && (k.alg == "" || sameAlgorithm(k.alg, name, k.curve))
}

// keySet is what an issuer publishes, at one moment.
type keySet struct {
	keys []key
	// refused are the published keys that must not be believed, in their order.
	refused []refusedKey
	// generation grows whenever a key is removed or changed, and withdrawn, which
	// the sets of a generation share, is closed then.
	generation uint64
	withdrawn  chan struct{}
}

// candidates returns the keys that a token is tried against, at most four of those
// that may have signed it, and whether the set knows the token's kid.
func (s *keySet) candidates(c *compact) (keys []*key, known bool) {
	keys, known = s.fitting(c)
	return keys[:min(len(keys), maxAttempts)], known
}

// fitting returns all keys that may have signed a token. Keys of its very kid come
// first: an issuer that publishes many keys without one must not crowd them out.
func (s *keySet) fitting(c *compact) (keys []*key, known bool) {
	var nameless []*key
	for i := range s.keys {
		k := &s.keys[i]
		exact := k.kid == c.kid
		known = known || exact && c.kid != ""
		switch {
		case !k.fits(c.algName, c.algorithm):
		case exact:
			keys = append(keys, k)
		case c.kid == "" || k.kid == "":
			nameless = append(nameless, k)
		}
	}
	return append(keys, nameless...), known
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
// that no allowed algorithm uses are passed over. A private or symmetric key is
// refused, because whoever published it has lost it, and so is every key of the
// set with the same public part: anyone can sign with it now.
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
	set, lost, err := findLost(doc.Keys)
	if err != nil {
		return nil, err
	}
	for _, rawKey := range doc.Keys {
		if k := parseKey(rawKey); k != nil && !lost.has(k) {
			set.keys = append(set.keys, *k)
		}
	}
	return set, nil
}

// parseKey returns nil for a key that is of no use here, secret ones among them.
func parseKey(raw json.RawMessage) *key {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || secretOf(members) != "" {
		return nil
	}
	if ops, ok := members["key_ops"]; ok && !verifies(ops) {
		return nil
	}
	k, ours := parseOwn(members)
	if !ours {
		k = parseLibrary(raw)
	}
	if k == nil {
		return nil // RFC 7517 section 5: unknown or unfit keys are ignored
	}
	thumbprint, ok := thumbprintOf(k.public)
	if !ok {
		return nil
	}
	k.fingerprint = fingerprint(k, thumbprint)
	return k
}

// parseLibrary reads a JWK of a kind that the library knows.
func parseLibrary(raw json.RawMessage) *key {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return nil
	}
	if use := parsed.KeyUsage(); use != "" && use != string(jwk.ForSignature) {
		return nil
	}
	k := &key{kid: parsed.KeyID(), alg: parsed.Algorithm().String(), keyType: parsed.KeyType()}
	switch typed := parsed.(type) {
	case jwk.ECDSAPublicKey:
		k.curve = typed.Crv()
	case jwk.OKPPublicKey:
		k.curve = typed.Crv()
	}
	if parsed.Raw(&k.public) != nil || !usable(k.public) {
		return nil // not on the curve, and the like
	}
	return k
}

// fingerprint changes with what makes a key another one. Issuers add members such
// as x5c to keys that stay, and write members in any order.
func fingerprint(k *key, thumbprint Thumbprint) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %x", k.kid, k.alg, thumbprint))
}

// verifies tells whether key_ops (RFC 7517 section 4.3) lets a key verify.
func verifies(ops json.RawMessage) bool {
	var names []string
	return json.Unmarshal(ops, &names) == nil && slices.Contains(names, string(jwk.KeyOpVerify))
}

// usable leaves out what is too weak, and what verifying would panic on.
func usable(public any) bool {
	switch pub := public.(type) {
	case *rsa.PublicKey:
		return pub.N.BitLen() >= minRSABits
	case ed25519.PublicKey:
		return len(pub) == ed25519.PublicKeySize
	case *ecdsa.PublicKey:
		_, err := pub.ECDH() // the library does not look whether the point is on the curve
		return err == nil
	}
	return true
}
