package authserver_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

func active(t *testing.T, s *oauthtest.Server, token string) bool {
	t.Helper()
	got := postForm(t, s, "/introspect", url.Values{"token": {token}}, &machine)
	is, ok := got.Members["active"].(bool)
	if !ok {
		t.Fatalf("status %d, %v; want active", got.Status, got.Members)
	}
	if !is && len(got.Members) > 1 {
		t.Errorf("an inactive token is described: %v", got.Members)
	}
	return is
}

func TestIntrospectionTellsWhatATokenMeans(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine), oauthtest.WithAudience(resource))
	token := s.Token(oauthtest.Claims{"scope": "invoices:read", "nbf": nil})
	got := postForm(t, s, "/introspect", url.Values{"token": {token}}, &machine)
	claims := part(t, token, 1)
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "scope", "client_id"} {
		if got.Members[name] != claims[name] {
			t.Errorf("%s is %v; want %v", name, got.Members[name], claims[name])
		}
	}
	if got.Members["active"] != true || got.Members["token_type"] != "Bearer" {
		t.Errorf("active %v, token_type %v", got.Members["active"], got.Members["token_type"])
	}
	if _, there := got.Members["nbf"]; there {
		t.Error("a claim that was left out is there")
	}
}

func TestIntrospectionKnowsInactiveTokens(t *testing.T) {
	now := time.Now()
	s := oauthtest.New(t, oauthtest.WithClient(machine), oauthtest.WithNow(func() time.Time { return now }))
	stranger, err := oauthtest.NewKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	revoked := s.Token(nil)
	s.Revoke(revoked)
	short := s.Token(oauthtest.Claims{"exp": now.Add(time.Second).Unix()})
	if !active(t, s, short) {
		t.Error("a token is inactive before it expires")
	}
	now = now.Add(2 * time.Second)
	for name, token := range map[string]string{
		"expired since":      short,
		"expired from birth": s.Token(oauthtest.Claims{"exp": 1}),
		"expired by a float": s.Token(oauthtest.Claims{"exp": 1.5}),
		"revoked":            revoked,
		"signed by another":  s.Token(nil, oauthtest.SignedWith(stranger)),
		"forged":             s.Token(nil, oauthtest.BadSignature()),
		"of another payload": s.Token(nil, oauthtest.RawPayload([]byte("{}"))),
		"nonsense":           "nonsense",
	} {
		if active(t, s, token) {
			t.Errorf("a token is active that is %s", name)
		}
	}
}

func TestIntrospectionIsForConfidentialClients(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine), oauthtest.WithClient(public))
	token := url.Values{"token": {s.Token(nil)}}
	wantError(t, postForm(t, s, "/introspect", token, nil), 401, "invalid_client")
	wrong := machine
	wrong.Secret = ""
	wantError(t, postForm(t, s, "/introspect", token, &wrong), 401, "invalid_client")
	token.Set("client_id", public.ID)
	wantError(t, postForm(t, s, "/introspect", token, nil), 400, "unauthorized_client")
}

func TestIntrospectionAnswersAreSignedForThoseWhoAskForIt(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithClient(machine))
	token := s.Token(nil)
	s.SignAnswers(nil)
	if !active(t, s, token) {
		t.Error("a client that does not ask gets no plain answer")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/token-introspection+jwt")
	req.SetBasicAuth(machine.ID, machine.Secret)
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	header, claims := part(t, string(body), 0), part(t, string(body), 1)
	answer, _ := claims["token_introspection"].(map[string]any)
	if header["typ"] != "token-introspection+jwt" || claims["iss"] != s.Issuer() || claims["aud"] != machine.ID || answer["active"] != true {
		t.Errorf("header %v, claims %v", header, claims)
	}
}
