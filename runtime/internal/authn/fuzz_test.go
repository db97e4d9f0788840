package authn

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer a.b.c", "bearer  x", "Bearer", "Basic dTpw", "Bearer a, Bearer b", "Bearer a b", "Bearer \x00", "", "Bearer =", "DPoP a.b.c"} {
		f.Add(seed, "", true)
	}
	f.Add("Bearer a", "access_token=b", false)
	f.Add("DPoP a", "x=1&access%5ftoken=b", true)
	f.Add("DPoP a", "", false)
	f.Fuzz(func(t *testing.T, header, query string, dpop bool) {
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Header["Authorization"] = []string{header}
		req.URL.RawQuery = query
		c, err := ReadCredentials(req, dpop)
		token := c.Token
		if c.DPoP && !dpop {
			t.Fatalf("header %q is DPoP, which is disabled", header)
		}
		if err != nil {
			if token != "" {
				t.Fatalf("refused, and yet token %q", token)
			}
			return
		}
		if !strings.HasSuffix(strings.TrimRight(header, " "), token) || strings.ContainsAny(token, " ,\"\r\n\x00") {
			t.Fatalf("header %q gave token %q", header, token)
		}
		if req.URL.Query().Has("access_token") {
			t.Fatalf("query %q was overlooked", query)
		}
	})
}

// No token that was not signed by the issuer gets past the parser and the
// signature check, whatever its header and payload.
func FuzzVerifyAcceptsNothingUnsigned(f *testing.F) {
	enc := base64.RawURLEncoding.EncodeToString
	payload := `{"iss":"https://auth.example.com","aud":"https://mcp.example.com","sub":"u","exp":4102444800}`
	for _, header := range []string{
		`{"alg":"none"}`, `{"alg":"ES256","kid":"1"}`, `{"alg":"HS256"}`, `{"alg":"ES256K"}`, `{"alg":"Ed448"}`, `{"alg":"EdDSA"}`, `{"alg":"ES256","crit":["exp"]}`, `{"alg":["ES256"]}`, `{}`, `[]`, `null`,
	} {
		f.Add(enc([]byte(header)) + "." + enc([]byte(payload)) + ".")
		f.Add(enc([]byte(header)) + "." + enc([]byte(payload)) + "." + enc(make([]byte, 64)))
		f.Add(enc([]byte(header)) + "." + enc([]byte(payload)) + "." + enc(make([]byte, 114)))
	}
	c := &config.RuntimeConfig{
		Issuer: "https://auth.example.com", Audience: "https://mcp.example.com",
		Scopes: []config.Scope{{Name: "a", GrantedBy: "claims.sub == 'u' || claims.x.y > 1"}},
	}
	p, err := policy.New(c)
	if err != nil {
		f.Fatal(err)
	}
	rules := newRules(c, p)
	set, err := parseKeySet([]byte(`{"keys":[{"kty":"EC","kid":"1","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},` +
		`{"kty":"EC","kid":"1","crv":"secp256k1","x":"JvmooWYNdnIcKJVb24mQTBQB5IcDkmqiKcPZCXf-zPw","y":"zZHZ_neEoFdH0Jx8smDpqMwVCCwCCgUkROe0QwhtCGs"},` +
		`{"kty":"OKP","kid":"1","crv":"Ed448","x":"-zf8Qt_N15JqUWxOb_6ekLaoFnSIrFNtx0Y-gT67AWisyLGeinK2tDyBs-IqrdGbgCSBAZZdahCA"}]}`))
	if err != nil || len(set.keys) != 3 {
		f.Fatal(err, set)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, refusal := parseCompact(token)
		if refusal != nil {
			return
		}
		if keys, _ := set.candidates(c); verifiesAny(c, keys) {
			t.Fatalf("accepted %q", token)
		}
		// What comes after the signature must stand any payload all the same.
		if claims, refusal := parseClaims(c.payload); refusal == nil {
			if p, refusal := rules.judge(claims, c.typed, time.Unix(1e9, 0)); refusal == nil && p.Subject == "" {
				t.Fatalf("no subject in %q", c.payload)
			}
		}
	})
}

func TestOnlyOneSpellingOfABase64Part(t *testing.T) {
	// "e30" and "e31" decode alike when stray bits are not refused: two
	// spellings of one token would be two entries and two log lines.
	if _, err := parseCompact("e31.e30.AA"); err == nil || err.Reason != Malformed {
		t.Errorf("refusal %v, want %s", err, Malformed)
	}
}
