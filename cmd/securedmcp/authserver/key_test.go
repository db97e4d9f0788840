package authserver_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

// What a key publishes of itself, and what of it is private.
func TestMembersOfKeys(t *testing.T) {
	for algorithm, want := range map[jwa.SignatureAlgorithm]struct{ kty, crv, members string }{
		jwa.ES256:       {"EC", "P-256", "alg crv kid kty use x y"},
		jwa.ES256K:      {"EC", "secp256k1", "alg crv kid kty use x y"},
		jwa.EdDSA:       {"OKP", "Ed25519", "alg crv kid kty use x"},
		oauthtest.Ed448: {"OKP", "Ed448", "alg crv kid kty use x"},
	} {
		key := newKey(t, algorithm)
		public := key.JWK()
		var private map[string]any
		if err := json.Unmarshal(key.PrivateJWK(), &private); err != nil {
			t.Fatal(err)
		}
		if got := names(public); got != want.members || public["kty"] != want.kty || public["crv"] != want.crv || public["alg"] != algorithm.String() {
			t.Errorf("%s: %v; want %+v", algorithm, public, want)
		}
		if public["kid"] != key.ID || key.ID != key.Thumbprint() {
			t.Errorf("%s: kid %v, ID %q, thumbprint %q", algorithm, public["kid"], key.ID, key.Thumbprint())
		}
		if d, _ := private["d"].(string); d == "" {
			t.Errorf("%s: the private key has no d", algorithm)
		}
		delete(private, "d")
		if diff := cmp.Diff(public, private); diff != "" {
			t.Errorf("%s: the private key's other members (-public +private):\n%s", algorithm, diff)
		}
	}
}

func names(members map[string]any) string {
	return strings.Join(slices.Sorted(maps.Keys(members)), " ")
}
