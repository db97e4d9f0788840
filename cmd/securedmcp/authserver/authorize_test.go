package authserver_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

func TestAuthorizationAnswersWithCodeStateAndIssuer(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	status, query := authorize(t, s, authorizeForm(oauth2.GenerateVerifier(), nil))
	if status != http.StatusSeeOther || query.Get("code") == "" || query.Get("state") != "st" || query.Get("iss") != s.Issuer() {
		t.Errorf("status %d, redirect with %v", status, query)
	}
}

func TestAuthorizationErrorsGoToTheClient(t *testing.T) {
	cases := map[string]struct {
		changes map[string]string
		code    string
	}{
		"no PKCE":                    {map[string]string{"code_challenge": "", "code_challenge_method": ""}, "invalid_request"},
		"plain PKCE":                 {map[string]string{"code_challenge_method": "plain"}, "invalid_request"},
		"a challenge too short":      {map[string]string{"code_challenge": "abc"}, "invalid_request"},
		"the implicit flow":          {map[string]string{"response_type": "token"}, "unsupported_response_type"},
		"a resource not absolute":    {map[string]string{"resource": "/billing"}, "invalid_target"},
		"a resource with a fragment": {map[string]string{"resource": resource + "#x"}, "invalid_target"},
		"a resource nobody knows":    {map[string]string{"resource": "https://other.example/"}, "invalid_target"},
	}
	s := oauthtest.New(t, oauthtest.WithClient(public), oauthtest.With(func(c *oauthtest.Config) { c.Resources = []string{resource} }))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, query := authorize(t, s, authorizeForm(oauth2.GenerateVerifier(), tc.changes))
			if status != http.StatusSeeOther || query.Get("error") != tc.code {
				t.Errorf("status %d, redirect with %v; want error %s", status, query, tc.code)
			}
			if query.Get("state") != "st" || query.Get("iss") != s.Issuer() || query.Has("code") {
				t.Errorf("redirect with %v; want state and iss, and no code", query)
			}
		})
	}
}

func TestNothingIsSentToAnUnregisteredAddress(t *testing.T) {
	cases := map[string]map[string]string{
		"an unknown client":                   {"client_id": "nobody"},
		"no client":                           {"client_id": ""},
		"another host":                        {"redirect_uri": "http://evil.example/callback"},
		"another path on loopback":            {"redirect_uri": "http://127.0.0.1:7777/other"},
		"another port on a host of the net":   {"redirect_uri": "https://app.example:444/cb"},
		"a longer path":                       {"redirect_uri": "https://app.example/cb/../evil"},
		"no redirect URI where two are known": {"redirect_uri": ""},
	}
	s := oauthtest.New(t, oauthtest.WithClient(public))
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) {
			status, query := authorize(t, s, authorizeForm(oauth2.GenerateVerifier(), changes))
			if status < 400 || len(query) > 0 {
				t.Errorf("status %d, redirect with %v; want an error and no redirect", status, query)
			}
		})
	}
}

func TestTheOnlyRedirectURIMayBeLeftOut(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine))
	obtainCode(t, s, oauth2.GenerateVerifier(), map[string]string{"client_id": machine.ID, "redirect_uri": ""})
}

func TestALoopbackRedirectMayUseAnyPort(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	obtainCode(t, s, oauth2.GenerateVerifier(), map[string]string{"redirect_uri": "http://127.0.0.1:50123/callback"})
}

func TestAParameterMayNotAppearTwice(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	form := authorizeForm(oauth2.GenerateVerifier(), nil)
	form.Add("state", "other")
	if status, query := authorize(t, s, form); status != http.StatusBadRequest || query.Has("code") {
		t.Errorf("status %d, redirect with %v", status, query)
	}
}

func TestSeveralResourcesBecomeSeveralAudiences(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	verifier := oauth2.GenerateVerifier()
	form := authorizeForm(verifier, nil)
	form.Add("resource", "https://second.example/mcp")
	_, query := authorize(t, s, form)
	token := postForm(t, s, "/token", codeForm(query.Get("code"), verifier, nil), nil).text("access_token")
	parsed, err := verify(t, s, token)
	if err != nil {
		t.Fatal(err)
	}
	if got := parsed.Audience(); len(got) != 2 || got[0] != resource || got[1] != "https://second.example/mcp" {
		t.Errorf("aud %q", got)
	}
}

func TestAuthorizationRequestsMayBePosted(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(public))
	body := strings.NewReader(authorizeForm(oauth2.GenerateVerifier(), nil).Encode())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/authorize", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if status, query := redirected(t, s, request); query.Get("code") == "" {
		t.Errorf("status %d, redirect with %v", status, query)
	}
}
