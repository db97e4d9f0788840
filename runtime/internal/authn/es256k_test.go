package authn

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

// signedBy is what k has signed, with its key as a set publishes it.
func signedBy(t *testing.T, k *oauthtest.Key) (input, signature []byte, public any) {
	t.Helper()
	p, err := parseProof(makeProof(t, k, "t", nil))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(p.signingInput), p.signature, p.key.public
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The key is 1, the nonce that of RFC 6979; many libraries have this as a test.
func TestES256KWithAKnownSignature(t *testing.T) {
	public := secp256k1.PrivKeyFromBytes([]byte{1}).PubKey()
	signature := fromHex(t, "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
	if err := (es256k{}).Verify([]byte("Satoshi Nakamoto"), signature, public); err != nil {
		t.Error(err)
	}
	if (es256k{}).Verify([]byte("Satoshi Nakamoto."), signature, public) == nil {
		t.Error("it is good for another text, too")
	}
}

func TestES256KSignatures(t *testing.T) {
	k := newKey(t, jwa.ES256K)
	input, good, public := signedBy(t, k)
	_, _, stranger := signedBy(t, newKey(t, jwa.ES256K))
	_, ofP256, keyOfP256 := signedBy(t, newKey(t, jwa.ES256))
	order := secp256k1.Params().N
	r, s := good[:32], good[32:]
	zero, all := make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)
	other := new(big.Int).Sub(order, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))
	for name, tc := range map[string]struct {
		signature []byte
		key       any
		want      bool
	}{
		"a good one":                    {good, public, true},
		"its other S":                   {slices.Concat(r, other), public, true}, // one of the two is high
		"by another key":                {good, stranger, false},
		"by a key of P-256":             {ofP256, keyOfP256, false},
		"of P-256":                      {ofP256, public, false},
		"with a key that is none":       {good, nil, false},
		"empty":                         {nil, public, false},
		"a byte short":                  {good[:63], public, false},
		"a byte long":                   {append(slices.Clone(good), 0), public, false},
		"R and S swapped":               {slices.Concat(s, r), public, false},
		"R is zero":                     {slices.Concat(zero, s), public, false},
		"S is zero":                     {slices.Concat(r, zero), public, false},
		"both are zero":                 {slices.Concat(zero, zero), public, false},
		"R is the order":                {slices.Concat(order.Bytes(), s), public, false},
		"S is the order":                {slices.Concat(r, order.Bytes()), public, false},
		"R is beyond the order":         {slices.Concat(all, s), public, false},
		"S is beyond the order":         {slices.Concat(r, all), public, false},
		"in the encoding of blockchain": {append([]byte{0x30, 0x44, 0x02, 0x20}, good...), public, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (es256k{}).Verify(input, tc.signature, tc.key) == nil; got != tc.want {
				t.Errorf("verifies: %v, want %v", got, tc.want)
			}
		})
	}
	if (es256k{}).Verify(input[1:], good, public) == nil {
		t.Error("the signature is good for another text, too")
	}
}

// S and S plus the order are one number: only the one that is less may be written.
func TestES256KNumbersAreReduced(t *testing.T) {
	// A signature whose S is small enough for the sum to fit into 32 bytes. With the
	// digest z, R the x of the point 1 and S chosen, the key is (S - z) / R.
	input := []byte("a.b")
	r := secp256k1.Params().Gx
	s := big.NewInt(7)
	public := keyFor(input, r, s)
	signature := slices.Concat(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32)))
	if err := (es256k{}).Verify(input, signature, public); err != nil {
		t.Fatal(err)
	}
	s.Add(s, secp256k1.Params().N)
	if (es256k{}).Verify(input, slices.Concat(signature[:32], s.Bytes()), public) == nil {
		t.Error("S plus the order is accepted in place of S")
	}
}

// keyFor is the public key that (r, s) is a signature of input by, with 1 as nonce.
func keyFor(input []byte, r, s *big.Int) *secp256k1.PublicKey {
	order := secp256k1.Params().N
	digest := sha256.Sum256(input)
	d := new(big.Int).Sub(s, new(big.Int).SetBytes(digest[:]))
	d.Mul(d, new(big.Int).ModInverse(r, order)).Mod(d, order)
	return secp256k1.PrivKeyFromBytes(d.Bytes()).PubKey()
}
