package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// newJWK returns a P-256 key as private and as public JWK.
func newJWK(t *testing.T, kid string) (private, public map[string]any) {
	t.Helper()
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return members(t, raw, kid), members(t, raw.Public(), kid)
}

func members(t *testing.T, raw any, kid string) map[string]any {
	t.Helper()
	key, err := jwk.FromRaw(raw)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(encoded, &m); err != nil {
		t.Fatal(err)
	}
	if kid != "" {
		m["kid"] = kid
	}
	return m
}

func without(m map[string]any, names ...string) map[string]any {
	out := maps.Clone(m)
	for _, name := range names {
		delete(out, name)
	}
	return out
}

func parseSet(t *testing.T, keys ...map[string]any) *keySet {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	set, err := parseKeySet(raw)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func kids(set *keySet) []string {
	var names []string
	for i := range set.keys {
		names = append(names, set.keys[i].kid)
	}
	return names
}

func TestALostKeyIsRefusedWithItsPublicPartAndNoOther(t *testing.T) {
	lostPrivate, lostPublic := newJWK(t, "lost")
	_, good := newJWK(t, "good")
	renamed := without(lostPublic, "kid")
	renamed["kid"] = "lost under another name"
	symmetric := map[string]any{"kty": "oct", "k": "AAAA", "kid": "hmac"}
	for name, tc := range map[string]struct {
		keys    []map[string]any
		want    []string
		refused string
	}{
		"a private key":                            {[]map[string]any{lostPrivate, good}, []string{"good"}, "keys[0] is a private key"},
		"and its public part":                      {[]map[string]any{lostPublic, good, lostPrivate}, []string{"good"}, "keys[2] is a private key"},
		"and its public part under another name":   {[]map[string]any{renamed, good, lostPrivate}, []string{"good"}, "keys[2] is a private key"},
		"a private key whose secret is spoiled":    {[]map[string]any{lostPublic, with(lostPublic, "d", 7), good}, []string{"good"}, "keys[1] is a private key"},
		"a private key without its public members": {[]map[string]any{lostPublic, without(lostPrivate, "x"), good}, []string{"good"}, "keys[1] is a private key"},
		"a symmetric key":                          {[]map[string]any{symmetric, good}, []string{"good"}, "keys[0] is a symmetric key"},
		"nothing but lost keys":                    {[]map[string]any{symmetric, lostPrivate}, nil, "keys[0] is a symmetric key, keys[1] is a private key"},
		"no lost key":                              {[]map[string]any{lostPublic, good}, []string{"lost", "good"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			set := parseSet(t, tc.keys...)
			if diff := cmp.Diff(tc.want, kids(set)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if got := describe(set.refused); got != tc.refused {
				t.Errorf("refused %q, want %q", got, tc.refused)
			}
		})
	}
}

func with(m map[string]any, name string, value any) map[string]any {
	out := without(m)
	out[name] = value
	return out
}

func TestKeysForOtherEndsAreNotBelieved(t *testing.T) {
	_, good := newJWK(t, "a")
	for name, tc := range map[string]struct {
		member string
		value  any
		used   bool
	}{
		"use sig":                             {"use", "sig", true},
		"use enc":                             {"use", "enc", false},
		"key_ops verify":                      {"key_ops", []string{"verify"}, true},
		"key_ops verify among others":         {"key_ops", []string{"sign", "verify"}, true},
		"key_ops for key agreement":           {"key_ops", []string{"deriveKey", "deriveBits"}, false},
		"key_ops for nothing":                 {"key_ops", []string{}, false},
		"key_ops that is not a list of names": {"key_ops", "verify", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(parseSet(t, with(good, tc.member, tc.value)).keys) == 1; got != tc.used {
				t.Errorf("used %v, want %v", got, tc.used)
			}
		})
	}
}

func TestTheNamedKeyIsTriedBeforeNamelessOnes(t *testing.T) {
	var keys []map[string]any
	for range 2 * maxAttempts {
		_, public := newJWK(t, "")
		keys = append(keys, public)
	}
	_, named := newJWK(t, "named")
	set := parseSet(t, append(keys, named)...)
	got, known := set.candidates(&compact{kid: "named", algName: "ES256", algorithm: algorithms["ES256"]})
	if len(got) != maxAttempts || got[0].kid != "named" || !known {
		t.Errorf("%d candidates, known %v; want %d, the named key first", len(got), known, maxAttempts)
	}
	got, known = set.candidates(&compact{kid: "another", algName: "ES256", algorithm: algorithms["ES256"]})
	if len(got) != maxAttempts || known {
		t.Errorf("an unknown kid: %d candidates, known %v; want %d nameless ones", len(got), known, maxAttempts)
	}
}

func TestATokenWithoutKidIsTriedAgainstFourKeysAndTheReasonSaysSo(t *testing.T) {
	set := func(keys int) *keySet {
		var public []map[string]any
		for i := range keys {
			_, jwk := newJWK(t, fmt.Sprint("k", i))
			public = append(public, jwk)
		}
		return parseSet(t, public...)
	}
	for name, tc := range map[string]struct {
		kid   string
		keys  int
		tried int
		want  Reason
	}{
		"without kid, as many keys as are tried": {"", maxAttempts, maxAttempts, UnknownKey},
		"without kid, a key more":                {"", maxAttempts + 1, maxAttempts, AmbiguousKey},
		"with a kid that none has":               {"other", maxAttempts + 1, 0, UnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := set(tc.keys), &compact{kid: tc.kid, algName: "ES256", algorithm: algorithms["ES256"]}
			if got, _ := s.candidates(c); len(got) != tc.tried {
				t.Errorf("tried against %d keys, want %d", len(got), tc.tried)
			}
			if got := unverified(c, s).Reason; got != tc.want {
				t.Errorf("reason %s, want %s", got, tc.want)
			}
		})
	}
}

func TestKeySetsThatAreNone(t *testing.T) {
	many := make([]string, maxKeys+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"kty":"x%d"}`, i)
	}
	raw, _ := json.Marshal(many)
	for name, text := range map[string]string{
		"no object": `[]`, "no keys": `{}`, "null": `{"keys":null}`, "a key that is no object": `{"keys":["a"]}`,
		"a key that is null": `{"keys":[null]}`, "too many": `{"keys":` + string(raw) + `}`,
	} {
		if set, err := parseKeySet([]byte(text)); err == nil {
			t.Errorf("%s: read as %d keys", name, len(set.keys))
		}
	}
}

// Another spelling of the same keys must not end what they let in.
func TestHowAKeyIsSpeltDoesNotMakeItAnother(t *testing.T) {
	_, public := newJWK(t, "a")
	set := func(change func(map[string]any)) *keySet {
		changed := maps.Clone(public)
		change(changed)
		raw, err := json.MarshalIndent(map[string]any{"keys": []any{changed}}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseKeySet(raw)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	raw, err := json.Marshal(map[string]any{"keys": []any{public}})
	if err != nil {
		t.Fatal(err)
	}
	before, err := parseKeySet(raw)
	if err != nil {
		t.Fatal(err)
	}
	_, other := newJWK(t, "a")
	for name, tc := range map[string]struct {
		change func(map[string]any)
		keeps  bool
	}{
		"white space":           {func(map[string]any) {}, true},
		"a member more":         {func(m map[string]any) { m["x5t"] = "AAAA" }, true},
		"another kid":           {func(m map[string]any) { m["kid"] = "b" }, false},
		"an algorithm":          {func(m map[string]any) { m["alg"] = "ES256" }, false},
		"other numbers":         {func(m map[string]any) { m["x"], m["y"] = other["x"], other["y"] }, false},
		"a use that is no more": {func(m map[string]any) { m["use"] = "enc" }, false},
	} {
		if got := before.keeps(set(tc.change)); got != tc.keeps {
			t.Errorf("%s: kept is %v, want %v", name, got, tc.keeps)
		}
	}
}
