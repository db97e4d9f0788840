package authn

import (
	"crypto"
	"math/big"
	"slices"
	"testing"

	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

// RFC 8032 section 7.4.
func TestEd448WithTheVectorsOfTheRFC(t *testing.T) {
	for name, tc := range map[string]struct {
		key, message, signature string
		want                    bool
	}{
		"blank": {
			"5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180", "",
			"533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980" +
				"ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600", true,
		},
		"1 octet": {
			"43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480", "03",
			"26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd77980" +
				"5e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00", true,
		},
		"1 octet (with context)": {
			"43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480", "03",
			"d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea00" +
				"0c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := fromHex(t, tc.key)
			public := parseEd448(rawMembers(t, map[string]any{"x": b64.EncodeToString(x)}))
			if public == nil {
				t.Fatal("the key is none")
			}
			if got := (ed448Verifier{}).Verify(fromHex(t, tc.message), fromHex(t, tc.signature), public) == nil; got != tc.want {
				t.Errorf("verifies: %v, want %v", got, tc.want)
			}
		})
	}
}

func TestEd448Signatures(t *testing.T) {
	k := newKey(t, oauthtest.Ed448)
	input, good, public := signedBy(t, k)
	_, _, stranger := signedBy(t, newKey(t, oauthtest.Ed448))
	_, ofEd25519, keyOfEd25519 := signedBy(t, newKey(t, jwa.EdDSA))
	_, private, err := ed448.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	own := private.Public()
	prehashed, err := private.Sign(nil, input, ed448.SignerOptions{Hash: crypto.Hash(0), Scheme: ed448.ED448Ph})
	if err != nil {
		t.Fatal(err)
	}
	withBit := func(at int, bit byte) []byte {
		changed := slices.Clone(good)
		changed[at] ^= bit
		return changed
	}
	for name, tc := range map[string]struct {
		signature []byte
		key       any
		want      bool
	}{
		"a good one":                {good, public, true},
		"by another key":            {good, stranger, false},
		"with a key of Ed25519":     {good, keyOfEd25519, false},
		"of Ed25519":                {ofEd25519, public, false},
		"of Ed25519, with its key":  {ofEd25519, keyOfEd25519, false},
		"with a key that is none":   {good, nil, false},
		"empty":                     {nil, public, false},
		"a byte short":              {good[:113], public, false},
		"a byte long":               {append(slices.Clone(good), 0), public, false},
		"of zeros":                  {make([]byte, 114), public, false},
		"another R":                 {withBit(0, 1), public, false},
		"another sign of R":         {withBit(56, 0x80), public, false},
		"another S":                 {withBit(57, 1), public, false},
		"a bit beyond S":            {withBit(113, 1), public, false},
		"S plus the order":          {slices.Concat(good[:57], plusOrder(good[57:])), public, false},
		"Ed448 of an empty context": {ed448.Sign(private, input, ""), own, true},
		"Ed448 of a context":        {ed448.Sign(private, input, "JWT"), own, false},
		"Ed448ph":                   {prehashed, own, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (ed448Verifier{}).Verify(input, tc.signature, tc.key) == nil; got != tc.want {
				t.Errorf("verifies: %v, want %v", got, tc.want)
			}
		})
	}
}

// plusOrder is the same S by another number; both are written from the low end.
func plusOrder(s []byte) []byte {
	number := func(b []byte) *big.Int {
		b = slices.Clone(b)
		slices.Reverse(b)
		return new(big.Int).SetBytes(b)
	}
	order := goldilocks.Curve{}.Order()
	sum := number(s)
	sum.Add(sum, number(order[:]))
	out := sum.FillBytes(make([]byte, len(s)))
	slices.Reverse(out)
	return out
}
