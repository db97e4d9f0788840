package authserver_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/securedmcp/operator/test/oauthtest"
)

const resource = "https://mcp.example.com/billing"

// verify parses token as a resource server would, against the published keys.
func verify(t *testing.T, s *oauthtest.Server, token string) (jwt.Token, error) {
	t.Helper()
	set, err := jwk.Fetch(t.Context(), metadataOf(t, s, "/.well-known/oauth-authorization-server").JWKSURI, jwk.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatalf("fetching the key set: %v", err)
	}
	return jwt.Parse([]byte(token), jwt.WithKeySet(set), jwt.WithIssuer(s.Issuer()))
}

// part decodes the header (0) or the claims (1) of token.
func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatalf("decoding part %d of %q: %v", i, token, err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatalf("decoding part %d: %v", i, err)
	}
	return members
}

func TestMintedTokensVerifyAgainstThePublishedKeys(t *testing.T) {
	for _, algorithm := range []jwa.SignatureAlgorithm{
		jwa.ES256, jwa.ES384, jwa.ES512, jwa.RS256, jwa.RS384, jwa.RS512, jwa.PS256, jwa.PS384, jwa.PS512, jwa.EdDSA,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			s := oauthtest.New(t, oauthtest.WithAlgorithm(algorithm), oauthtest.WithAudience(resource))
			token := s.Token(oauthtest.Claims{"scope": "invoices:read"})
			parsed, err := verify(t, s, token)
			if err != nil {
				t.Fatalf("a minted token does not verify: %v", err)
			}
			if parsed.Subject() != oauthtest.DefaultSubject || !cmp.Equal(parsed.Audience(), []string{resource}) {
				t.Errorf("sub %q, aud %q", parsed.Subject(), parsed.Audience())
			}
			want := map[string]any{"alg": algorithm.String(), "kid": s.SigningKey().ID, "typ": "at+jwt"}
			if diff := cmp.Diff(want, part(t, token, 0)); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMintHasEveryClaimThatRFC9068Requires(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := oauthtest.New(t, oauthtest.WithAudience(resource), oauthtest.WithNow(func() time.Time { return now }))
	claims := part(t, s.Token(nil), 1)
	if id, _ := claims["jti"].(string); id == "" {
		t.Error("no jti")
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": s.Issuer(), "sub": "user-1", "aud": resource, "client_id": "test-client",
		"iat": 1_700_000_000.0, "exp": 1_700_003_600.0,
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestClaimsOverrideAndLeaveOut(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithAudience(resource))
	claims := part(t, s.Token(oauthtest.Claims{
		"sub": "alice", "aud": nil, "exp": time.Unix(42, 0), "scp": []string{"a", "b"}, "nbf": 1.5,
	}), 1)
	want := map[string]any{"sub": "alice", "exp": 42.0, "scp": []any{"a", "b"}, "nbf": 1.5}
	got := map[string]any{}
	for _, name := range []string{"sub", "aud", "exp", "scp", "nbf"} {
		if value, ok := claims[name]; ok {
			got[name] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestForgedTokensDoNotVerify(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithAlgorithm(jwa.RS256))
	stranger, err := oauthtest.NewKey(jwa.RS256)
	if err != nil {
		t.Fatal(err)
	}
	known := s.SigningKey()
	cases := map[string][]oauthtest.TokenOption{
		"signed by a key that is not published":          {oauthtest.SignedWith(stranger)},
		"signed by a stranger who names a published kid": {oauthtest.SignedWith(stranger), oauthtest.Header("kid", known.ID)},
		"without signature":                              {oauthtest.Unsigned()},
		"signed with the public key as an HMAC secret":   {oauthtest.SignedWithHMAC(known.PublicPEM())},
		"with one bit of the signature changed":          {oauthtest.BadSignature()},
		"with a payload that is not JSON":                {oauthtest.RawPayload([]byte("{"))},
		"with a header that is not JSON":                 {oauthtest.RawHeader([]byte("{"))},
		"with the key to verify it by in the header":     {oauthtest.SignedWith(stranger), oauthtest.Header("jwk", stranger.JWK())},
		"with the claims of another issuer":              {oauthtest.RawPayload([]byte(`{"exp":1,"iss":"x"}`))},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := verify(t, s, s.Token(nil, options...)); err == nil {
				t.Error("it verifies")
			}
		})
	}
}

func TestAnyHeaderCanBeInjectedUnderAGoodSignature(t *testing.T) {
	s := oauthtest.New(t)
	token := s.Token(nil,
		oauthtest.Header("typ", nil), oauthtest.Header("kid", nil),
		oauthtest.Header("jku", "https://evil.example/keys"), oauthtest.Header("crit", []string{"exp"}))
	want := map[string]any{"alg": "ES256", "jku": "https://evil.example/keys", "crit": []any{"exp"}}
	if diff := cmp.Diff(want, part(t, token, 0)); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	public, err := jwk.ParseKey(mustJSON(t, s.SigningKey().JWK()))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := jws.NewVerifier(jwa.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify([]byte(parts[0]+"."+parts[1]), signature, public); err != nil {
		t.Errorf("the signature is not good: %v", err)
	}
}

func TestMintRefusesClaimsThatAreNotJSON(t *testing.T) {
	s := oauthtest.New(t)
	if _, err := s.Mint(oauthtest.Claims{"f": func() {}}); err == nil {
		t.Error("no error for a claim that is a function")
	}
	if _, err := s.Mint(nil, oauthtest.Header("c", make(chan int))); err == nil {
		t.Error("no error for a header that is a channel")
	}
}

func TestNewKeyNamesTheAlgorithmsThereAre(t *testing.T) {
	for _, algorithm := range []jwa.SignatureAlgorithm{jwa.HS256, jwa.NoSignature, ""} {
		if _, err := oauthtest.NewKey(algorithm); err == nil || !strings.Contains(err.Error(), "ES256") {
			t.Errorf("NewKey(%q): %v; want an error that says what is allowed", algorithm, err)
		}
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
