package authn

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/securedmcp/operator/runtime/internal/policy"
)

func TestPackingKeepsAPrincipalWhole(t *testing.T) {
	scopes := policy.Set{}
	for i := range scopes {
		scopes[i] = rand.Uint64()
	}
	key := Thumbprint{1, 31: 255}
	full := Principal{
		Subject: strings.Repeat("s", 300), ClientID: "client", Scopes: scopes, Expires: time.Unix(1e11, 5e8), TokenExpires: time.Unix(1e11, 6e8),
		ACR: "urn:mfa", Login: time.Unix(1785240000, 1), Key: &key,
	}
	// A field that is new must be packed too, but for the one that says it is not.
	for v, i := reflect.ValueOf(full), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() && v.Type().Field(i).Name != "Withdrawn" {
			t.Fatalf("this test sets no %s", v.Type().Field(i).Name)
		}
	}
	for name, p := range map[string]Principal{
		"with everything": full,
		"with nothing":    {},
		"of no login":     {Subject: "a", Expires: time.Unix(1785240000, 0), TokenExpires: time.Unix(1785240000, 0)},
		"of the past":     {Subject: "a", Expires: time.Unix(-1, 0), Login: time.Unix(-1e11, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			s := pack(&p)
			got := s.unpack()
			if diff := cmp.Diff(&p, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !s.expires().Equal(p.Expires) || got.Login.IsZero() != p.Login.IsZero() {
				t.Errorf("expires %s, login %s", s.expires(), got.Login)
			}
		})
	}
}
