package authserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

func register(t *testing.T, s *oauthtest.Server, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/register", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return send(t, s, request)
}

func TestARegisteredPublicClientGetsACode(t *testing.T) {
	s := oauthtest.New(t)
	got := register(t, s, `{"redirect_uris":["`+callback+`"],"token_endpoint_auth_method":"none","client_name":"Desktop app"}`)
	if got.Status != http.StatusCreated || got.text("client_id") == "" || got.text("client_name") != "Desktop app" {
		t.Fatalf("status %d, %v", got.Status, got.Members)
	}
	if _, secret := got.Members["client_secret"]; secret {
		t.Error("a public client got a secret")
	}
	verifier := oauth2.GenerateVerifier()
	client := map[string]string{"client_id": got.text("client_id")}
	token := postForm(t, s, "/token", codeForm(obtainCode(t, s, verifier, client), verifier, client), nil)
	if token.Status != http.StatusOK {
		t.Errorf("status %d, %v", token.Status, token.Members)
	}
}

func TestARegisteredConfidentialClientNeedsItsSecret(t *testing.T) {
	s := oauthtest.New(t)
	got := register(t, s, `{"grant_types":["client_credentials"],"client_secret":"my own"}`)
	if got.text("client_secret") == "" || got.text("client_secret") == "my own" || got.Members["client_secret_expires_at"] != 0.0 {
		t.Fatalf("%v", got.Members)
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	client := oauthtest.Client{ID: got.text("client_id"), Secret: got.text("client_secret")}
	if token := postForm(t, s, "/token", form, &client); token.Status != http.StatusOK {
		t.Errorf("status %d, %v", token.Status, token.Members)
	}
	client.Secret = ""
	wantError(t, postForm(t, s, "/token", form, &client), 401, "invalid_client")
}

func TestRegistrationSaysWhatIsWrong(t *testing.T) {
	s := oauthtest.New(t)
	for name, tc := range map[string]struct{ body, code string }{
		"not JSON":                     {`{`, "invalid_client_metadata"},
		"an unknown method":            {`{"redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"tls_client_auth"}`, "invalid_client_metadata"},
		"an unknown grant":             {`{"grant_types":["password"]}`, "invalid_client_metadata"},
		"no redirect URI":              {`{}`, "invalid_redirect_uri"},
		"a redirect URI over http":     {`{"redirect_uris":["http://app.example/cb"]}`, "invalid_redirect_uri"},
		"a redirect URI that is code":  {`{"redirect_uris":["javascript:alert(1)"]}`, "invalid_redirect_uri"},
		"a redirect URI with fragment": {`{"redirect_uris":["https://app.example/cb#x"]}`, "invalid_redirect_uri"},
		"a relative redirect URI":      {`{"redirect_uris":["/cb"]}`, "invalid_redirect_uri"},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, register(t, s, tc.body), 400, tc.code) })
	}
}

func TestNativeApplicationsMayUseTheirOwnScheme(t *testing.T) {
	got := register(t, oauthtest.New(t), `{"redirect_uris":["cursor://editor/oauth"],"token_endpoint_auth_method":"none"}`)
	if got.Status != http.StatusCreated {
		t.Errorf("status %d, %v", got.Status, got.Members)
	}
}
