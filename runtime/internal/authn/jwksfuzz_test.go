package authn

import (
	"encoding/json"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// Whatever an issuer publishes, no key in use is one that the set gives away, and
// each can be verified with: the library panics on some keys that it parses.
func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := parseKeySet(raw)
		if err != nil {
			return
		}
		if len(set.keys)+len(set.refused) > maxKeys {
			t.Fatalf("%d keys of %q, want at most %d", len(set.keys)+len(set.refused), raw, maxKeys)
		}
		given := givenAway(raw)
		for i := range set.keys {
			k := &set.keys[i]
			thumbprint, ok := thumbprintOf(k.public)
			if !ok {
				t.Errorf("key %d of %q has no thumbprint", i, raw)
			}
			if given[thumbprint] {
				t.Errorf("key %d of %q is used, and its private part is published", i, raw)
			}
			tryKey(t, k)
		}
		if !set.keeps(set) {
			t.Errorf("%q does not keep its own keys", raw)
		}
	})
}

// givenAway are the thumbprints of the private keys in a set, as the library
// reads them, and those of curves that are read here.
func givenAway(raw []byte) map[Thumbprint]bool {
	var doc struct{ Keys []json.RawMessage }
	_ = json.Unmarshal(raw, &doc)
	given := map[Thumbprint]bool{}
	for _, rawKey := range doc.Keys {
		if t, ok := ownGivenAway(rawKey); ok {
			given[t] = true
			continue
		}
		key, err := jwk.ParseKey(rawKey)
		if err != nil {
			continue
		}
		if private, err := jwk.IsPrivateKey(key); err != nil || !private {
			continue
		}
		public, err := key.PublicKey()
		if err != nil {
			continue
		}
		var material any
		if public.Raw(&material) != nil {
			continue
		}
		if t, ok := thumbprintOf(material); ok {
			given[t] = true
		}
	}
	return given
}

func ownGivenAway(raw json.RawMessage) (t Thumbprint, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members["d"] == nil {
		return t, false
	}
	k, _ := parseOwn(members)
	if k == nil {
		return t, false
	}
	return ownThumbprint(k.public)
}

func tryKey(t *testing.T, k *key) {
	t.Helper()
	for name, algorithm := range algorithms {
		if !k.fits(name, algorithm) {
			continue
		}
		for _, size := range []int{64, 114} { // of Ed25519 and ES256K, and of Ed448
			c := &compact{algorithm: algorithm, algName: name, signingInput: "a.b", signature: make([]byte, size)}
			if verifiesAny(c, []*key{k}) {
				t.Errorf("%s: a signature of %d zeros verifies", name, size)
			}
		}
	}
}
