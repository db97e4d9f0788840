package authserver_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

func TestACodeBecomesATokenForTheResource(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.AutoApprove("alice"))
	verifier := oauth2.GenerateVerifier()
	got := postForm(t, s, "/token", codeForm(obtainCode(t, s, verifier, nil), verifier, nil), nil)
	if got.Status != http.StatusOK || got.text("token_type") != "Bearer" || got.text("scope") != "invoices:read invoices:write" || got.Members["expires_in"] != 3600.0 {
		t.Fatalf("status %d, %v", got.Status, got.Members)
	}
	parsed, err := verify(t, s, got.text("access_token"))
	if err != nil {
		t.Fatalf("the token does not verify: %v", err)
	}
	if parsed.Subject() != "alice" || !cmp.Equal(parsed.Audience(), []string{resource}) {
		t.Errorf("sub %q, aud %q", parsed.Subject(), parsed.Audience())
	}
	claims := part(t, got.text("access_token"), 1)
	if claims["client_id"] != public.ID || claims["auth_time"] == nil {
		t.Errorf("claims %v", claims)
	}
}

func TestACodeIsRefused(t *testing.T) {
	cases := map[string]struct {
		changes map[string]string
		client  *oauthtest.Client
		status  int
		code    string
	}{
		"with another verifier":          {map[string]string{"code_verifier": oauth2.GenerateVerifier()}, nil, 400, "invalid_grant"},
		"without a verifier":             {map[string]string{"code_verifier": ""}, nil, 400, "invalid_grant"},
		"with another redirect URI":      {map[string]string{"redirect_uri": "https://app.example/cb"}, nil, 400, "invalid_grant"},
		"to another client":              {map[string]string{"client_id": ""}, &machine, 400, "invalid_grant"},
		"to a client that is unknown":    {map[string]string{"client_id": "nobody"}, nil, 401, "invalid_client"},
		"to nobody in particular":        {map[string]string{"client_id": ""}, nil, 401, "invalid_client"},
		"for a resource not agreed to":   {map[string]string{"resource": "https://other.example"}, nil, 400, "invalid_target"},
		"when it is made up":             {map[string]string{"code": "guessed"}, nil, 400, "invalid_grant"},
		"under a grant type of no one's": {map[string]string{"grant_type": "password"}, nil, 400, "unsupported_grant_type"},
	}
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.WithClient(machine))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			verifier := oauth2.GenerateVerifier()
			form := codeForm(obtainCode(t, s, verifier, nil), verifier, tc.changes)
			wantError(t, postForm(t, s, "/token", form, tc.client), tc.status, tc.code)
		})
	}
}

func TestACodeIsRedeemedWithoutRedirectURIAsOAuth21Does(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	verifier := oauth2.GenerateVerifier()
	form := codeForm(obtainCode(t, s, verifier, nil), verifier, map[string]string{"redirect_uri": ""})
	if got := postForm(t, s, "/token", form, nil); got.Status != http.StatusOK {
		t.Errorf("status %d, %v", got.Status, got.Members)
	}
}

func TestAReplayedCodeRevokesWhatItBrought(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.WithClient(machine))
	verifier := oauth2.GenerateVerifier()
	form := codeForm(obtainCode(t, s, verifier, nil), verifier, nil)
	first := postForm(t, s, "/token", form, nil)
	if !active(t, s, first.text("access_token")) {
		t.Fatal("the token is not active before the replay")
	}
	wantError(t, postForm(t, s, "/token", form, nil), 400, "invalid_grant")
	if active(t, s, first.text("access_token")) {
		t.Error("the token is active after the replay")
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {public.ID}, "refresh_token": {first.text("refresh_token")}}
	wantError(t, postForm(t, s, "/token", refresh, nil), 400, "invalid_grant")
}

func TestACodeExpires(t *testing.T) {
	now := time.Now()
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.WithNow(func() time.Time { return now }))
	verifier := oauth2.GenerateVerifier()
	code := obtainCode(t, s, verifier, nil)
	now = now.Add(11 * time.Minute)
	wantError(t, postForm(t, s, "/token", codeForm(code, verifier, nil), nil), 400, "invalid_grant")
}

func TestRefreshTokensAreUsedOnceAndMayNarrow(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	verifier := oauth2.GenerateVerifier()
	first := postForm(t, s, "/token", codeForm(obtainCode(t, s, verifier, nil), verifier, nil), nil)
	form := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {public.ID},
		"refresh_token": {first.text("refresh_token")}, "scope": {"invoices:admin"},
	}
	wantError(t, postForm(t, s, "/token", form, nil), 400, "invalid_scope")
	form.Set("scope", "invoices:read")
	second := postForm(t, s, "/token", form, nil)
	if second.Status != http.StatusOK || second.text("scope") != "invoices:read" {
		t.Fatalf("status %d, %v", second.Status, second.Members)
	}
	wantError(t, postForm(t, s, "/token", form, nil), 400, "invalid_grant")
	form.Set("refresh_token", second.text("refresh_token"))
	form.Del("scope")
	third := postForm(t, s, "/token", form, nil)
	if third.text("scope") != "invoices:read invoices:write" {
		t.Errorf("scope %q; want the whole grant again", third.text("scope"))
	}
	if claims := part(t, third.text("access_token"), 1); claims["aud"] != resource {
		t.Errorf("aud %v", claims["aud"])
	}
}

func TestClientCredentialsAreForConfidentialClients(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.WithClient(machine), oauthtest.WithAudience(resource))
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"invoices:read"}}
	got := postForm(t, s, "/token", form, &machine)
	claims := part(t, got.text("access_token"), 1)
	if got.Status != http.StatusOK || claims["sub"] != machine.ID || claims["scope"] != "invoices:read" || claims["aud"] != resource {
		t.Errorf("status %d, claims %v", got.Status, claims)
	}
	if _, refreshable := got.Members["refresh_token"]; refreshable {
		t.Error("a refresh token came along (RFC 6749 section 4.4.3 says it should not)")
	}
	wrong := machine
	wrong.Secret = "guessed"
	wantError(t, postForm(t, s, "/token", form, &wrong), 401, "invalid_client")
	form.Set("client_id", public.ID)
	wantError(t, postForm(t, s, "/token", form, nil), 400, "unauthorized_client")
	form.Set("client_id", machine.ID)
	form.Set("client_secret", machine.Secret)
	if got := postForm(t, s, "/token", form, nil); got.Status != http.StatusOK {
		t.Errorf("client_secret_post: status %d, %v", got.Status, got.Members)
	}
	wantError(t, postForm(t, s, "/token", form, &machine), 400, "invalid_request")
}

func TestScopesAreDefaultedAndRestricted(t *testing.T) {
	picky := machine
	picky.ID, picky.Scopes = "picky", []string{"c"}
	s := oauthtest.New(t, oauthtest.WithClient(machine), oauthtest.WithClient(picky), oauthtest.With(func(c *oauthtest.Config) {
		c.GrantableScopes, c.DefaultScopes = []string{"a", "b", "c"}, []string{"b"}
	}))
	cases := map[string]struct {
		client      *oauthtest.Client
		asked, want string
	}{
		"what is grantable is granted":          {&machine, "a b", "a b"},
		"what is not grantable is left out":     {&machine, "a x", "a"},
		"twice asked is once granted":           {&machine, "a a", "a"},
		"nothing asked is the default":          {&machine, "", "b"},
		"nothing asked is the client's default": {&picky, "", "c"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := postForm(t, s, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {tc.asked}}, tc.client)
			if got.text("scope") != tc.want {
				t.Errorf("scope %q; want %q", got.text("scope"), tc.want)
			}
		})
	}
}

func TestExchangeKeepsTheSubjectAndNamesTheActor(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine))
	form := url.Values{
		"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token": {s.Token(oauthtest.Claims{"sub": "alice", "scope": "invoices:read"})}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"audience": {"https://billing-api.internal"}, "scope": {"invoices"},
	}
	first := postForm(t, s, "/token", form, &machine)
	if first.Status != http.StatusOK || first.text("issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" {
		t.Fatalf("status %d, %v", first.Status, first.Members)
	}
	claims := part(t, first.text("access_token"), 1)
	got := map[string]any{"sub": claims["sub"], "aud": claims["aud"], "scope": claims["scope"], "act": claims["act"]}
	want := map[string]any{"sub": "alice", "aud": "https://billing-api.internal", "scope": "invoices", "act": map[string]any{"sub": "machine"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	form.Set("subject_token", first.text("access_token"))
	form.Del("scope")
	second := part(t, postForm(t, s, "/token", form, &machine).text("access_token"), 1)
	chain := map[string]any{"sub": "machine", "act": map[string]any{"sub": "machine"}}
	if diff := cmp.Diff(chain, second["act"]); diff != "" || second["scope"] != "invoices" {
		t.Errorf("scope %v, act (-want +got):\n%s", second["scope"], diff)
	}
}

func TestExchangeIsRefused(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine), oauthtest.WithClient(public))
	good := s.Token(nil)
	access := "urn:ietf:params:oauth:token-type:access_token"
	cases := map[string]struct {
		form   url.Values
		client *oauthtest.Client
		code   string
	}{
		"for a token of nobody's":    {url.Values{"subject_token": {"x.y.z"}, "subject_token_type": {access}}, &machine, "invalid_request"},
		"for a forged token":         {url.Values{"subject_token": {s.Token(nil, oauthtest.Unsigned())}, "subject_token_type": {access}}, &machine, "invalid_request"},
		"without the token's type":   {url.Values{"subject_token": {good}}, &machine, "invalid_request"},
		"into a SAML assertion":      {url.Values{"subject_token": {good}, "subject_token_type": {access}, "requested_token_type": {"urn:ietf:params:oauth:token-type:saml2"}}, &machine, "invalid_request"},
		"to a client with no secret": {url.Values{"subject_token": {good}, "subject_token_type": {access}, "client_id": {public.ID}}, nil, "unauthorized_client"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.form.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
			wantError(t, postForm(t, s, "/token", tc.form, tc.client), 400, tc.code)
		})
	}
}

func TestOpenIDClientsGetAnIDToken(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	verifier := oauth2.GenerateVerifier()
	code := obtainCode(t, s, verifier, map[string]string{"scope": "openid", "nonce": "n1"})
	token := postForm(t, s, "/token", codeForm(code, verifier, nil), nil).text("id_token")
	if _, err := verify(t, s, token); err != nil {
		t.Fatalf("the ID token does not verify: %v", err)
	}
	if claims := part(t, token, 1); claims["aud"] != public.ID || claims["nonce"] != "n1" || part(t, token, 0)["typ"] != "JWT" {
		t.Errorf("header %v, claims %v", part(t, token, 0), claims)
	}
}

func TestAResourceMayHaveAnAudienceOfAnotherName(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine), oauthtest.With(func(c *oauthtest.Config) {
		c.AudienceFor = func(resource string) string { return "api://" + resource }
	}))
	form := url.Values{"grant_type": {"client_credentials"}}
	for _, resource := range []string{"", "https://mcp.example.com/billing"} {
		if resource != "" {
			form.Set("resource", resource)
		}
		token := postForm(t, s, "/token", form, &machine).text("access_token")
		if got := part(t, token, 1)["aud"]; got != "api://"+resource {
			t.Errorf("aud %v for resource %q", got, resource)
		}
	}
	if got := part(t, s.Token(nil), 1)["aud"]; got != "api://" {
		t.Errorf("aud %v of a minted token", got)
	}
}
