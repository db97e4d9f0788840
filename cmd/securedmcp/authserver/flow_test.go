package authserver_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

const callback = "http://127.0.0.1:7777/callback"

// public is a client without a secret, as a desktop application is one.
var public = oauthtest.Client{ID: "desktop-app", RedirectURIs: []string{callback, "https://app.example/cb"}}

// machine is a client with a secret.
var machine = oauthtest.Client{ID: "machine", Secret: "s3cret&=", RedirectURIs: []string{callback}}

// answer is what the token, introspection and registration endpoints answer.
type answer struct {
	Status  int
	Members map[string]any
}

func (a answer) text(name string) string {
	value, _ := a.Members[name].(string)
	return value
}

func postForm(t *testing.T, s *oauthtest.Server, path string, form url.Values, client *oauthtest.Client) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != nil {
		request.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret))
	}
	return send(t, s, request)
}

func send(t *testing.T, s *oauthtest.Server, request *http.Request) answer {
	t.Helper()
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{Status: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(&a.Members); err != nil {
		t.Fatalf("%s: status %d, body is not JSON: %v", request.URL.Path, a.Status, err)
	}
	return a
}

// authorizeForm is a good authorization request of the public client, changed
// by changes; an empty value leaves the parameter out.
func authorizeForm(verifier string, changes map[string]string) url.Values {
	form := url.Values{
		"response_type": {"code"}, "client_id": {public.ID}, "redirect_uri": {callback}, "state": {"st"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
		"scope": {"invoices:read invoices:write"}, "resource": {resource},
	}
	for name, value := range changes {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	return form
}

// authorize sends an authorization request and returns the status and the
// parameters of the redirect.
func authorize(t *testing.T, s *oauthtest.Server, form url.Values) (int, url.Values) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/authorize?"+form.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return redirected(t, s, request)
}

func redirected(t *testing.T, s *oauthtest.Server, request *http.Request) (int, url.Values) {
	t.Helper()
	client := *s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, location.Query()
}

// obtainCode goes through the authorization endpoint with a good request.
func obtainCode(t *testing.T, s *oauthtest.Server, verifier string, changes map[string]string) string {
	t.Helper()
	status, query := authorize(t, s, authorizeForm(verifier, changes))
	if status != http.StatusSeeOther || query.Get("code") == "" {
		t.Fatalf("status %d, redirect with %v; want a code", status, query)
	}
	return query.Get("code")
}

// codeForm is a good token request of the public client for code.
func codeForm(code, verifier string, changes map[string]string) url.Values {
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {public.ID}, "code": {code},
		"code_verifier": {verifier}, "redirect_uri": {callback},
	}
	for name, value := range changes {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	return form
}

func wantError(t *testing.T, got answer, status int, code string) {
	t.Helper()
	if got.Status != status || got.text("error") != code || got.text("error_description") == "" {
		t.Errorf("status %d, %v; want %d with error %s and a description", got.Status, got.Members, status, code)
	}
}
