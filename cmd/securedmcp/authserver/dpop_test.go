package authserver_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

func newKey(t *testing.T, algorithm jwa.SignatureAlgorithm) *oauthtest.Key {
	t.Helper()
	key, err := oauthtest.NewKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// tokenProof is a proof for the token endpoint.
func tokenProof(t *testing.T, s *oauthtest.Server, key *oauthtest.Key, claims oauthtest.Claims, options ...oauthtest.TokenOption) string {
	t.Helper()
	proof, err := key.Proof(http.MethodPost, s.Issuer()+"/token", "", claims, options...)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// postProofs is postForm to the token endpoint with DPoP headers.
func postProofs(t *testing.T, s *oauthtest.Server, form url.Values, client *oauthtest.Client, proofs ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, proof := range proofs {
		request.Header.Add("DPoP", proof)
	}
	if client != nil {
		request.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret))
	}
	return send(t, s, request)
}

func wantBound(t *testing.T, got answer, key *oauthtest.Key) {
	t.Helper()
	if got.Status != http.StatusOK || got.text("token_type") != "DPoP" {
		t.Fatalf("status %d, %v; want token_type DPoP", got.Status, got.Members)
	}
	want := map[string]any{"jkt": key.Thumbprint()}
	if diff := cmp.Diff(want, part(t, got.text("access_token"), 1)["cnf"]); diff != "" {
		t.Errorf("cnf (-want +got):\n%s", diff)
	}
}

var credentials = url.Values{"grant_type": {"client_credentials"}}

func TestAProofBindsTheTokenOfEveryGrant(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.WithClient(machine), oauthtest.AutoApprove("alice"))
	key, verifier := newKey(t, jwa.ES256), oauth2.GenerateVerifier()
	byCode := postProofs(t, s, codeForm(obtainCode(t, s, verifier, nil), verifier, nil), nil, tokenProof(t, s, key, nil))
	wantBound(t, byCode, key)
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {byCode.text("refresh_token")}, "client_id": {public.ID}}
	wantBound(t, postProofs(t, s, refresh, nil, tokenProof(t, s, key, nil)), key)
	wantBound(t, postProofs(t, s, credentials, &machine, tokenProof(t, s, key, nil)), key)
	wantBound(t, postProofs(t, s, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {s.Token(nil)},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
	}, &machine, tokenProof(t, s, key, nil)), key)
	introspected := postForm(t, s, "/introspect", url.Values{"token": {byCode.text("access_token")}}, &machine)
	if cnf, _ := introspected.Members["cnf"].(map[string]any); introspected.text("token_type") != "DPoP" || cnf["jkt"] != key.Thumbprint() {
		t.Errorf("introspection says %v", introspected.Members)
	}
}

func TestARefreshTokenOfAPublicClientIsBoundToo(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.AutoApprove("alice"))
	key, other, verifier := newKey(t, jwa.ES256), newKey(t, jwa.ES256), oauth2.GenerateVerifier()
	byCode := postProofs(t, s, codeForm(obtainCode(t, s, verifier, nil), verifier, nil), nil, tokenProof(t, s, key, nil))
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {byCode.text("refresh_token")}, "client_id": {public.ID}}
	wantError(t, postProofs(t, s, refresh, nil), 400, "invalid_grant")
	wantError(t, postProofs(t, s, refresh, nil, tokenProof(t, s, other, nil)), 400, "invalid_grant")
	wantBound(t, postProofs(t, s, refresh, nil, tokenProof(t, s, key, nil)), key)
}

func TestProofsOfEveryAlgorithm(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine))
	for _, algorithm := range []jwa.SignatureAlgorithm{jwa.ES256, jwa.ES384, jwa.ES512, jwa.EdDSA, jwa.RS256, jwa.PS256} {
		key := newKey(t, algorithm)
		wantBound(t, postProofs(t, s, credentials, &machine, tokenProof(t, s, key, nil)), key)
	}
}

func TestProofsThatTheTokenEndpointRefuses(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine))
	key, other := newKey(t, jwa.ES256), newKey(t, jwa.ES256)
	private := key.JWK()
	private["d"] = "AAAA"
	used := tokenProof(t, s, key, nil)
	wantBound(t, postProofs(t, s, credentials, &machine, used), key)
	for name, proofs := range map[string][]string{
		"garbage":                 {"garbage"},
		"two":                     {tokenProof(t, s, key, nil), tokenProof(t, s, key, nil)},
		"used before":             {used},
		"of another type":         {tokenProof(t, s, key, nil, oauthtest.Header("typ", "JWT"))},
		"without a key":           {tokenProof(t, s, key, nil, oauthtest.Header("jwk", nil))},
		"with a private key":      {tokenProof(t, s, key, nil, oauthtest.Header("jwk", private))},
		"with another's key":      {tokenProof(t, s, key, nil, oauthtest.Header("jwk", other.JWK()))},
		"unsigned":                {tokenProof(t, s, key, nil, oauthtest.Unsigned())},
		"with a bad signature":    {tokenProof(t, s, key, nil, oauthtest.BadSignature())},
		"for another method":      {tokenProof(t, s, key, oauthtest.Claims{"htm": "GET"})},
		"for another place":       {tokenProof(t, s, key, oauthtest.Claims{"htu": s.Issuer() + "/introspect"})},
		"without jti":             {tokenProof(t, s, key, oauthtest.Claims{"jti": nil})},
		"made long ago":           {tokenProof(t, s, key, oauthtest.Claims{"iat": time.Now().Add(-time.Hour)})},
		"made in the future":      {tokenProof(t, s, key, oauthtest.Claims{"iat": time.Now().Add(time.Hour)})},
		"whose payload is a list": {tokenProof(t, s, key, nil, oauthtest.RawPayload([]byte(`[]`)))},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, postProofs(t, s, credentials, &machine, proofs...), 400, "invalid_dpop_proof")
		})
	}
	if got := postProofs(t, s, credentials, &machine); got.text("token_type") != "Bearer" {
		t.Errorf("without a proof: token_type %q, want Bearer", got.text("token_type"))
	}
}

func TestMetadataNamesTheAlgorithmsOfProofs(t *testing.T) {
	s := oauthtest.New(t)
	_, body := get(t, s, s.URL+"/.well-known/oauth-authorization-server")
	var document map[string]any
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatal(err)
	}
	want := []any{"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}
	if diff := cmp.Diff(want, document["dpop_signing_alg_values_supported"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
