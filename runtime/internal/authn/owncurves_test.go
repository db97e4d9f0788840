package authn

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

func rawMembers(t *testing.T, m map[string]any) map[string]json.RawMessage {
	t.Helper()
	encoded, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// decode is the value of a base64url member.
func decode(t *testing.T, m map[string]any, name string) []byte {
	t.Helper()
	s, _ := m[name].(string)
	raw, err := b64.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// littleEndian is a small number in size bytes.
func littleEndian(size int, number byte) string {
	raw := make([]byte, size)
	raw[0] = number
	return b64.EncodeToString(raw)
}

// edge is p, the field's prime 2^448 - 2^224 - 1, and more, as the y of a point.
func edge(more int) string {
	raw := slices.Repeat([]byte{0xff}, 57)
	raw[28], raw[56] = 0xfe, 0
	raw[0] += byte(more)
	return b64.EncodeToString(raw)
}

func TestKeysOfOwnCurvesThatAreNone(t *testing.T) {
	koblitz, edwards := newKey(t, jwa.ES256K).JWK(), newKey(t, oauthtest.Ed448).JWK()
	x, y, point := decode(t, koblitz, "x"), decode(t, koblitz, "y"), decode(t, edwards, "x")
	flipped := slices.Clone(y)
	flipped[31] ^= 1
	stray := slices.Clone(point)
	stray[56] |= 1
	_, p256 := newJWK(t, "")
	ed25519 := newKey(t, jwa.EdDSA).JWK()
	prime := fromHex(t, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
	for name, tc := range map[string]struct {
		jwk  map[string]any
		used bool
	}{
		"secp256k1":                             {koblitz, true},
		"secp256k1 without alg and use":         {without(koblitz, "alg", "use"), true},
		"secp256k1 with null for alg":           {with(koblitz, "alg", nil), true},
		"secp256k1 with null for kid and use":   {with(with(koblitz, "kid", nil), "use", nil), true},
		"secp256k1 with null for y":             {with(koblitz, "y", nil), false},
		"secp256k1, private":                    {with(koblitz, "d", "AQ"), false},
		"secp256k1 for encryption":              {with(koblitz, "use", "enc"), false},
		"secp256k1 with a use of another kind":  {with(koblitz, "use", []string{"sig"}), false},
		"secp256k1 with a kid of another kind":  {with(koblitz, "kid", 1), false},
		"secp256k1 for key agreement":           {with(koblitz, "key_ops", []string{"deriveKey"}), false},
		"secp256k1 to verify":                   {with(koblitz, "key_ops", []string{"verify"}), true},
		"secp256k1 off the curve":               {with(koblitz, "y", b64.EncodeToString(flipped)), false},
		"secp256k1 of P-256's numbers":          {with(with(koblitz, "x", p256["x"]), "y", p256["y"]), false},
		"P-256 of secp256k1's numbers":          {with(koblitz, "crv", "P-256"), false},
		"secp256k1 at zero":                     {with(with(koblitz, "x", littleEndian(32, 0)), "y", littleEndian(32, 0)), false},
		"secp256k1 with an x that is too large": {with(koblitz, "x", b64.EncodeToString(prime)), false},
		"secp256k1 with a short x":              {with(koblitz, "x", b64.EncodeToString(x[1:])), false},
		"secp256k1 with a long x":               {with(koblitz, "x", b64.EncodeToString(append([]byte{0}, x...))), false},
		"secp256k1 with a long y":               {with(koblitz, "y", b64.EncodeToString(append([]byte{0}, y...))), false},
		"secp256k1 with an empty y":             {with(koblitz, "y", ""), false},
		"secp256k1 without y":                   {without(koblitz, "y"), false},
		"secp256k1 with padding":                {with(koblitz, "x", b64.EncodeToString(x)+"="), false},
		"secp256k1 with a number for x":         {with(koblitz, "x", 7), false},
		"secp256k1 of another kty":              {with(koblitz, "kty", "OKP"), false},
		"secp256k1 by a name in capitals":       {with(koblitz, "crv", "SECP256K1"), false},

		"Ed448":                        {edwards, true},
		"Ed448 without alg and use":    {without(edwards, "alg", "use"), true},
		"Ed448, private":               {with(edwards, "d", "AQ"), false},
		"Ed448 for encryption":         {with(edwards, "use", "enc"), false},
		"Ed448 for key agreement":      {with(edwards, "key_ops", []string{"deriveKey"}), false},
		"Ed448 of Ed25519's length":    {with(edwards, "x", ed25519["x"]), false},
		"Ed25519 of Ed448's length":    {with(edwards, "crv", "Ed25519"), false},
		"Ed448 a byte short":           {with(edwards, "x", b64.EncodeToString(point[:56])), false},
		"Ed448 a byte long":            {with(edwards, "x", b64.EncodeToString(append(slices.Clone(point), 0))), false},
		"Ed448 without x":              {without(edwards, "x"), false},
		"Ed448 with a bit of no use":   {with(edwards, "x", b64.EncodeToString(stray)), false},
		"Ed448 off the curve":          {with(edwards, "x", littleEndian(57, 2)), false},
		"Ed448 at one":                 {with(edwards, "x", littleEndian(57, 1)), false},
		"Ed448 at minus one":           {with(edwards, "x", edge(-1)), false},
		"Ed448 at an order of four":    {with(edwards, "x", littleEndian(57, 0)), false},
		"Ed448 with a y of p":          {with(edwards, "x", edge(0)), false},
		"Ed448 of another kty":         {with(edwards, "kty", "EC"), false},
		"X448, which signs nothing":    {with(edwards, "crv", "X448"), false},
		"Ed448 by a name in lowercase": {with(edwards, "crv", "ed448"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(parseSet(t, tc.jwk).keys) == 1; got != tc.used {
				t.Errorf("used: %v, want %v", got, tc.used)
			}
		})
	}
}

func TestALostKeyOfAnOwnCurveTakesItsPublicPartAlong(t *testing.T) {
	_, good := newJWK(t, "good")
	for _, alg := range []jwa.SignatureAlgorithm{jwa.ES256K, oauthtest.Ed448} {
		k := newKey(t, alg)
		var private map[string]any
		if err := json.Unmarshal(k.PrivateJWK(), &private); err != nil {
			t.Fatal(err)
		}
		set := parseSet(t, with(k.JWK(), "kid", "another name"), good, private)
		if got := kids(set); !slices.Equal(got, []string{"good"}) || describe(set.refused) != "keys[2] is a private key" {
			t.Errorf("%s: keys %q, refused %q; want the good one alone, and the private one refused", alg, got, describe(set.refused))
		}
		if set := parseSet(t, k.JWK(), good); len(set.keys) != 2 || !set.keeps(parseSet(t, with(k.JWK(), "x5t", "AAAA"), good)) {
			t.Errorf("%s: %d keys, want 2 that stay the same with a member more", alg, len(set.keys))
		}
	}
}

// The thumbprint of a set's key is that of a proof's key and that of RFC 7638.
func TestThumbprintsOfOwnCurves(t *testing.T) {
	for _, alg := range []jwa.SignatureAlgorithm{jwa.ES256K, oauthtest.Ed448} {
		k := newKey(t, alg)
		m := rawMembers(t, k.JWK())
		text := `{"crv":` + string(m["crv"]) + `,"kty":` + string(m["kty"]) + `,"x":` + string(m["x"])
		if y, ok := m["y"]; ok {
			text += `,"y":` + string(y)
		}
		want := Thumbprint(sha256.Sum256([]byte(text + "}")))
		p, err := parseProof(makeProof(t, k, "t", nil))
		if err != nil {
			t.Fatal(err)
		}
		ofSet, ok := thumbprintOf(parseSet(t, k.JWK()).keys[0].public)
		bound, ok2 := parseThumbprint(k.Thumbprint())
		if !ok || !ok2 || ofSet != want || p.thumbprint != want || bound != want {
			t.Errorf("%s: thumbprints %x, %x and %x; want %x", alg, ofSet, p.thumbprint, bound, want)
		}
	}
}

// What a key says of itself, its curve and the name in the token have to agree. EdDSA
// is what the key's curve makes of it, the names of RFC 9864 are one thing each.
func TestWhichAlgorithmsAKeyFits(t *testing.T) {
	all := []string{"ES256", "ES256K", "Ed25519", "Ed448", "EdDSA"}
	keys := map[string]map[string]any{
		"P-256": newKey(t, jwa.ES256).JWK(), "secp256k1": newKey(t, jwa.ES256K).JWK(),
		"Ed25519": newKey(t, jwa.EdDSA).JWK(), "Ed448": newKey(t, oauthtest.Ed448).JWK(),
	}
	for curve, tc := range map[string]map[string][]string{ // by the key's own alg
		"P-256":     {"": {"ES256"}, "ES256": {"ES256"}, "ES256K": nil, "EdDSA": nil},
		"secp256k1": {"": {"ES256K"}, "ES256K": {"ES256K"}, "ES256": nil, "EdDSA": nil},
		"Ed25519":   {"": {"Ed25519", "EdDSA"}, "Ed25519": {"Ed25519", "EdDSA"}, "EdDSA": {"Ed25519", "EdDSA"}, "Ed448": nil, "ES256": nil},
		"Ed448":     {"": {"Ed448", "EdDSA"}, "Ed448": {"Ed448", "EdDSA"}, "EdDSA": {"Ed448", "EdDSA"}, "Ed25519": nil, "ES256K": nil},
	} {
		for own, want := range tc {
			jwk := without(keys[curve], "alg")
			if own != "" {
				jwk["alg"] = own
			}
			k := parseSet(t, jwk).keys[0]
			var got []string
			for _, name := range all {
				if k.fits(name, algorithms[name]) {
					got = append(got, name)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("a key of %s and alg %q fits %q, want %q", curve, own, got, want)
			}
		}
	}
}
