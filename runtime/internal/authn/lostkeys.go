package authn

import (
	"crypto"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// The kinds of secret that an issuer may publish by mistake. They are label
// values of a metric.
const (
	secretPrivate   = "private"
	secretSymmetric = "symmetric"
)

// refusedKey is a published key that is secret no more.
type refusedKey struct {
	index int
	kind  string
}

// describe says which keys of a set are refused and why. It quotes nothing of
// them.
func describe(refused []refusedKey) string {
	parts := make([]string, len(refused))
	for i, r := range refused {
		parts[i] = fmt.Sprintf("keys[%d] is a %s key", r.index, r.kind)
	}
	return strings.Join(parts, ", ")
}

// lostKeys know the public parts of the secret keys of a set, and the kids of
// those whose public part cannot be told.
type lostKeys struct {
	thumbprints map[Thumbprint]bool
	kids        map[string]bool
}

func (l *lostKeys) has(k *key) bool {
	if l.kids[k.kid] {
		return true
	}
	if len(l.thumbprints) == 0 {
		return false
	}
	t, ok := thumbprintOf(k.public)
	return !ok || l.thumbprints[t]
}

func (l *lostKeys) add(members map[string]json.RawMessage) {
	if t, ok := publicThumbprint(members); ok {
		l.thumbprints[t] = true
		return
	}
	if kid, _ := stringMember(members, "kid"); kid != "" {
		l.kids[kid] = true
	}
}

// findLost returns a set of no keys that names the secret ones among raw, and
// what is lost with them.
func findLost(raw []json.RawMessage) (*keySet, *lostKeys, error) {
	set, lost := new(keySet), &lostKeys{thumbprints: map[Thumbprint]bool{}, kids: map[string]bool{}}
	for i, rawKey := range raw {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(rawKey, &members); err != nil || members == nil {
			return nil, nil, fmt.Errorf("JWKS keys[%d]: not a JSON object", i)
		}
		if kind := secretOf(members); kind != "" {
			set.refused = append(set.refused, refusedKey{index: i, kind: kind})
			lost.add(members)
		}
	}
	return set, lost, nil
}

// secretOf returns the kind of secret that a JWK holds, "" for a public key.
func secretOf(members map[string]json.RawMessage) string {
	if kty, _ := stringMember(members, "kty"); kty == "oct" {
		return secretSymmetric
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, ok := members[secret]; ok {
			return secretPrivate
		}
	}
	return ""
}

// publicThumbprint reads the public part of a private key without what makes it
// private, which may be spoiled.
func publicThumbprint(members map[string]json.RawMessage) (t Thumbprint, ok bool) {
	kty, _ := stringMember(members, "kty")
	public := make(map[string]json.RawMessage)
	for _, name := range requiredMembers[kty] {
		if public[name], ok = members[name]; !ok {
			return t, false
		}
	}
	raw, err := json.Marshal(public)
	if err != nil {
		return t, false
	}
	k := parseKey(raw)
	if k == nil {
		return t, false
	}
	return thumbprintOf(k.public)
}

// thumbprintOf is the RFC 7638 thumbprint of a public key, the same for every
// spelling of its JWK.
func thumbprintOf(public any) (t Thumbprint, ok bool) {
	if t, ok := ownThumbprint(public); ok {
		return t, true
	}
	if !usable(public) {
		return t, false // the library panics on points that are far off their curve
	}
	k, err := jwk.FromRaw(public)
	if err != nil {
		return t, false
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil || len(sum) != len(t) {
		return t, false
	}
	return Thumbprint(sum), true
}
