package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/replay"
	"github.com/securedmcp/operator/test/oauthtest"
)

// The example of RFC 9449 section 7.1, and the thumbprint of section 6.1.
const (
	rfcToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	rfcJKT   = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	rfcProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5" +
		"IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1" +
		"IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1" +
		"OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	rfcResource = "https://resource.example.org/protectedresource"
)

func TestTheProofOfTheRFC(t *testing.T) {
	p, err := parseProof(rfcProof)
	if err != nil {
		t.Fatal(err)
	}
	if bound, ok := parseThumbprint(rfcJKT); !ok || p.thumbprint != bound {
		t.Errorf("thumbprint %x, want that of section 6.1", p.thumbprint)
	}
	if !verifiesAny(p.compact, []*key{p.key}) {
		t.Error("the signature does not verify")
	}
	c, err := parseClaims(p.payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.checkRequest(http.MethodGet, rfcResource, rfcToken); err != nil {
		t.Errorf("the request of the example: %v", err)
	}
	if err := c.checkIssued(time.Unix(1562262618, 0), 0); err != nil {
		t.Errorf("the time of the example: %v", err)
	}
	if err := c.checkRequest(http.MethodGet, rfcResource, "another"); err == nil {
		t.Error("it is good for another token too")
	}
}

func TestTheThumbprintOfRFC7638(t *testing.T) {
	// Section 3.1, with members in another order and some that do not count.
	jwk := `{"alg":"RS256","kid":"2011-04-29","kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs` +
		`tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`
	canonical, ok := canonicalJWK([]byte(jwk))
	if !ok {
		t.Fatal("not a public key")
	}
	want, ok := parseThumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
	if got := Thumbprint(sha256.Sum256(canonical)); !ok || got != want {
		t.Errorf("thumbprint %x, want %x; canonical form %s", got, want, canonical)
	}
}

func TestThumbprintsThatAreNone(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "short": rfcJKT[:42], "long": rfcJKT + "AA", "padded": rfcJKT + "=", "of another alphabet": strings.Replace(rfcJKT, "-", "+", 1),
		"with stray bits": rfcJKT[:42] + "J",
	} {
		if _, ok := parseThumbprint(s); ok {
			t.Errorf("one that is %s is accepted", name)
		}
	}
}

func newKey(tb testing.TB, alg jwa.SignatureAlgorithm) *oauthtest.Key {
	tb.Helper()
	k, err := oauthtest.NewKey(alg)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func makeProof(tb testing.TB, k *oauthtest.Key, token string, claims oauthtest.Claims, options ...oauthtest.TokenOption) string {
	tb.Helper()
	p, err := k.Proof(http.MethodPost, "https://mcp.example.com/x", token, claims, options...)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestRSAKeysOfProofsAreNeitherShortNorHuge(t *testing.T) {
	k := newKey(t, jwa.PS256)
	for bits, want := range map[int]bool{1024: false, 2047: false, 2048: true, 4096: true, 4097: false} {
		n := new(big.Int).SetBit(new(big.Int).SetBit(new(big.Int), bits-1, 1), 0, 1)
		jwk := map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(n.Bytes())}
		if _, err := parseProof(makeProof(t, k, "t", nil, oauthtest.Header("jwk", jwk))); (err == nil) != want || err != nil && err.Reason != BadProof {
			t.Errorf("%d bits: %v; want it accepted: %v", bits, err, want)
		}
	}
}

// Verifying with an Ed25519 key of another length panics in the library.
func TestEd25519KeysOfAnotherLength(t *testing.T) {
	for _, n := range []int{1, 31, 33} {
		jwk := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"1","x":"%s"}`, base64.RawURLEncoding.EncodeToString(make([]byte, n)))
		if set, err := parseKeySet([]byte(`{"keys":[` + jwk + `]}`)); err == nil && len(set.keys) > 0 {
			t.Errorf("%d bytes: a set of %d keys", n, len(set.keys))
		}
		k := newKey(t, jwa.EdDSA)
		proof := makeProof(t, k, "t", nil, oauthtest.Header("jwk", map[string]any{
			"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(make([]byte, n)),
		}))
		if _, err := parseProof(proof); err == nil || err.Reason != BadProof {
			t.Errorf("%d bytes: %v, want %s", n, err, BadProof)
		}
	}
}

func TestIssued(t *testing.T) {
	const iat = 1_000_000_000
	for name, tc := range map[string]struct {
		claims string
		after  time.Duration
		ok     bool
	}{
		"now":                      {`{"iat":1000000000}`, 0, true},
		"a minute ago":             {`{"iat":1000000000}`, time.Minute, true},
		"longer ago":               {`{"iat":1000000000}`, time.Minute + 1, false},
		"in the skew":              {`{"iat":1000000000}`, -30 * time.Second, true},
		"beyond the skew":          {`{"iat":1000000000}`, -30*time.Second - 1, false},
		"expired, within the skew": {`{"iat":1000000000,"exp":1000000005}`, 30 * time.Second, true},
		"expired":                  {`{"iat":1000000000,"exp":1000000005}`, 36 * time.Second, false},
		"exp is no date":           {`{"iat":1000000000,"exp":"x"}`, 0, false},
		"nbf is no date":           {`{"iat":1000000000,"nbf":{}}`, 0, false},
		"before nbf":               {`{"iat":1000000000,"nbf":1000000031}`, 0, false},
		"iat is null":              {`{"iat":null}`, 0, false},
	} {
		c, refusal := parseClaims([]byte(tc.claims))
		if refusal != nil {
			t.Fatal(refusal)
		}
		if err := c.checkIssued(time.Unix(iat, 0).Add(tc.after), 30*time.Second); (err == nil) != tc.ok {
			t.Errorf("%s: %v; want it accepted: %v", name, err, tc.ok)
		}
	}
}

func newDPoP(tb testing.TB, mode string, once replay.Once) *DPoP {
	tb.Helper()
	d, err := NewDPoP(DPoPConfig{
		Runtime:   &config.RuntimeConfig{Resource: "https://mcp.example.com/x", Tokens: config.Tokens{DPoP: mode}},
		ClockSkew: 30 * time.Second, Once: once,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func request(proofs ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/x", nil)
	r.Header["Dpop"] = proofs
	return r
}

func principal(tb testing.TB, jkt string) *Principal {
	tb.Helper()
	bound, ok := parseThumbprint(jkt)
	if !ok {
		tb.Fatalf("jkt %q", jkt)
	}
	return &Principal{Key: &bound}
}

// answers is a Once that always says the same, as the real ones do when they
// are full or given up on; and, for benchmarks, when a proof is new.
type answers struct{ error }

func (a answers) Use(context.Context, replay.ID, replay.ID) error { return a.error }

func (answers) Used(replay.ID) bool { return false }

func TestAProofThatCannotBeRememberedIsNotAccepted(t *testing.T) {
	k := newKey(t, jwa.ES256)
	for name, tc := range map[string]struct {
		err  error
		want Error
	}{
		"full":     {&replay.FullError{RetryAfter: 7 * time.Second}, Error{Reason: ReplayMemoryFull, RetryAfter: 7 * time.Second}},
		"given up": {context.Canceled, Error{Reason: CallerLeft}},
		"used":     {replay.ErrUsed, Error{Reason: ProofReplayed}},
	} {
		proof, err := newDPoP(t, config.DPoPOptional, answers{tc.err}).Check(
			request(makeProof(t, k, "t", nil)), Credentials{Token: "t", DPoP: true}, principal(t, k.Thumbprint()))
		if err != nil {
			t.Fatal(err)
		}
		err = proof.Use(t.Context())
		var got *Error
		if !errors.As(err, &got) || got.Reason != tc.want.Reason || got.RetryAfter != tc.want.RetryAfter {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// A token that is bound is worth nothing where nothing checks proofs, whatever
// came before let it through.
func TestWithoutDPoPABoundPrincipalIsRefused(t *testing.T) {
	var disabled *DPoP
	_, err := disabled.Check(request(), Credentials{Token: "t"}, principal(t, rfcJKT))
	var got *Error
	if !errors.As(err, &got) || got.Reason != SenderBound {
		t.Errorf("%v, want %s", err, SenderBound)
	}
	if _, err := disabled.Check(request(), Credentials{Token: "t"}, new(Principal)); err != nil {
		t.Errorf("a bearer token: %v", err)
	}
}

// Nothing passes for the holder of a key but what that key signed, for this
// request, and no proof makes the checks fall over. The private keys of the
// seeds are gone, but for those of proofs for another token.
func FuzzDPoPProof(f *testing.F) {
	f.Add(rfcProof)
	for _, alg := range []jwa.SignatureAlgorithm{jwa.ES256, jwa.ES256K, jwa.ES512, jwa.EdDSA, oauthtest.Ed448, jwa.RS256, jwa.PS256} {
		k := newKey(f, alg)
		f.Add(makeProof(f, k, "another", nil))
		f.Add(makeProof(f, k, "another", nil, oauthtest.Unsigned()))
		f.Add(makeProof(f, k, "another", nil, oauthtest.Header("jwk", map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "AA"})))
		f.Add(makeProof(f, k, "another", oauthtest.Claims{"jti": 1, "htu": []string{}, "iat": 1e300, "nonce": nil}))
	}
	f.Add("..")
	f.Add("e30.e30.AA")
	once := replay.NewMemory()
	once.Cover(time.Hour)
	d := newDPoP(f, config.DPoPRequired, once)
	caller := principal(f, rfcJKT)
	f.Fuzz(func(t *testing.T, proof string) {
		if _, err := d.Check(request(proof), Credentials{Token: "token", DPoP: true}, caller); err == nil {
			t.Fatalf("accepted %q", proof)
		}
		p, err := parseProof(proof)
		if err != nil {
			if err.Reason != BadProof {
				t.Fatalf("%q: reason %s", proof, err.Reason)
			}
			return
		}
		if canonical, ok := canonicalJWK(p.jwk); !ok || !strings.Contains(string(canonical), `"kty":"`+string(p.key.keyType)+`"`) {
			t.Fatalf("%q: the key is not the one of the thumbprint", proof)
		}
		verifiesAny(p.compact, []*key{p.key})
		if c, err := parseClaims(p.payload); err == nil {
			if _, err := d.checkClaims(request(), c, "token", caller); err == nil && string(c["ath"]) == "" {
				t.Fatalf("accepted claims %q", p.payload)
			}
		}
	})
}

// BenchmarkProof is what a DPoP request costs more than a bearer request, per
// algorithm, beside the verification of one signature alone.
func BenchmarkProof(b *testing.B) {
	for _, alg := range []jwa.SignatureAlgorithm{jwa.ES256, jwa.ES256K, jwa.EdDSA, oauthtest.Ed448, jwa.RS256} {
		k := newKey(b, alg)
		token := strings.Repeat("t", 900)
		caller, credentials := principal(b, k.Thumbprint()), Credentials{Token: token, DPoP: true}
		proof := makeProof(b, k, token, nil)
		b.Run(alg.String()+"/check", func(b *testing.B) {
			d, r, made := newDPoP(b, config.DPoPRequired, answers{}), request(proof), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				if time.Since(made) > proofLifetime/2 {
					made, r = time.Now(), request(makeProof(b, k, token, nil))
				}
				used, err := d.Check(r, credentials, caller)
				if err != nil {
					b.Fatal(err)
				}
				if err := used.Use(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		p, err := parseProof(proof)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg.String()+"/signature-alone", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !verifiesAny(p.compact, []*key{p.key}) {
					b.Fatal("refused")
				}
			}
		})
	}
	thief := newKey(b, jwa.ES256)
	r := request(makeProof(b, thief, "t", nil))
	caller := principal(b, rfcJKT)
	b.Run("wrong-key", func(b *testing.B) {
		d := newDPoP(b, config.DPoPRequired, answers{})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Check(r, Credentials{Token: "t", DPoP: true}, caller); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}
