package authserver

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

func TestClientsThatAuthenticateWithAKey(t *testing.T) {
	key, other := newKey(t), newKey(t)
	s := listening(t, Client{ID: "mcp", Key: key, AuthMethod: "private_key_jwt"}, Client{ID: "both", Key: key, Secret: "s3cret"})
	assertion := func(k *Key, changes Claims) string {
		claims := Claims{"iss": "mcp", "sub": "mcp", "aud": s.Issuer(), "jti": "1", "exp": time.Now().Add(time.Minute)}
		maps.Copy(claims, changes)
		r := &recipe{header: map[string]any{"typ": "JWT"}}
		r.use(k)
		token, err := r.assemble(claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	ask := func(form url.Values) int {
		form.Set("token", "unknown")
		resp, err := http.DefaultClient.PostForm(s.Issuer()+"/introspect", form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	with := func(client, assertion string) int {
		return ask(url.Values{"client_id": {client}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}})
	}
	if got := with("mcp", assertion(key, nil)); got != http.StatusOK {
		t.Fatalf("a good assertion: status %d, want 200", got)
	}
	for name, got := range map[string]int{
		"used before":          with("mcp", assertion(key, nil)),
		"by another key":       with("mcp", assertion(other, Claims{"jti": "2"})),
		"of another client":    with("mcp", assertion(key, Claims{"jti": "3", "sub": "other"})),
		"for another server":   with("mcp", assertion(key, Claims{"jti": "4", "aud": "https://other.example.com"})),
		"expired":              with("mcp", assertion(key, Claims{"jti": "5", "exp": time.Now().Add(-time.Minute)})),
		"good for too long":    with("mcp", assertion(key, Claims{"jti": "6", "exp": time.Now().Add(time.Hour)})),
		"without an ID":        with("mcp", assertion(key, Claims{"jti": nil})),
		"of an unknown client": with("nobody", assertion(key, Claims{"jti": "7", "iss": "nobody", "sub": "nobody"})),
		"no assertion":         ask(url.Values{"client_id": {"mcp"}}),
		"an empty secret":      ask(url.Values{"client_id": {"mcp"}, "client_secret": {""}}),
	} {
		if got != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", name, got)
		}
	}
	untyped := url.Values{"client_id": {"mcp"}, "client_assertion": {assertion(key, Claims{"jti": "8"})}}
	if got := ask(untyped); got != http.StatusBadRequest {
		t.Errorf("without a type: status %d, want 400", got)
	}
	if got := ask(url.Values{"client_id": {"both"}, "client_secret": {"s3cret"}}); got != http.StatusOK {
		t.Errorf("a client with both, by its secret: status %d, want 200", got)
	}
}

func TestAClientOfOneMethodMayUseNoOther(t *testing.T) {
	s := listening(t, Client{ID: "mcp", Secret: "s3cret", AuthMethod: "client_secret_post"})
	form := url.Values{"token": {"unknown"}, "client_id": {"mcp"}, "client_secret": {"s3cret"}}
	resp, err := http.DefaultClient.PostForm(s.Issuer()+"/introspect", form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("in the body: status %d, want 200", resp.StatusCode)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Issuer()+"/introspect?token=unknown", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("mcp", "s3cret")
	if resp, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("in the header: status %d, want 401", resp.StatusCode)
	}
}

func listening(t *testing.T, clients ...Client) *Handler {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	handler, err := NewHandler(Config{Issuer: "http://" + server.Listener.Addr().String(), Clients: clients})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	return handler
}

func newKey(t *testing.T) *Key {
	t.Helper()
	key, err := NewKey(jwa.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
