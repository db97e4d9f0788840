package authserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/securedmcp/operator/test/oauthtest"
)

// documentServer answers every path with the document that body makes of the
// path's URL.
func documentServer(t *testing.T, body func(url string) string) *httptest.Server {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/client.json", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(body(server.URL + r.URL.Path)))
	}))
	t.Cleanup(server.Close)
	return server
}

func withDocuments(server *httptest.Server) oauthtest.Option {
	return oauthtest.With(func(c *oauthtest.Config) { c.ClientMetadata = server.Client() })
}

func TestAClientIsTheDocumentAtItsURL(t *testing.T) {
	documents := documentServer(t, func(url string) string {
		return `{"client_id":"` + url + `","redirect_uris":["` + callback + `"],"client_name":"Desktop app"}`
	})
	s := oauthtest.New(t, withDocuments(documents))
	if m := metadataOf(t, s, "/.well-known/oauth-authorization-server"); !m.ClientIDMetadataDocumentSupported {
		t.Error("support is not advertised")
	}
	client := map[string]string{"client_id": documents.URL + "/client.json"}
	verifier := oauth2.GenerateVerifier()
	got := postForm(t, s, "/token", codeForm(obtainCode(t, s, verifier, client), verifier, client), nil)
	if claims := part(t, got.text("access_token"), 1); claims["client_id"] != client["client_id"] {
		t.Errorf("client_id %v", claims["client_id"])
	}
}

func TestADocumentIsRefused(t *testing.T) {
	good := func(url string) string { return `{"client_id":"` + url + `","redirect_uris":["` + callback + `"]}` }
	cases := map[string]struct {
		path string
		body func(url string) string
	}{
		"that names another client": {"/client.json", func(string) string { return good("https://other.example/client.json") }},
		"that has a secret":         {"/client.json", func(url string) string { return strings.Replace(good(url), "{", `{"client_secret":"x",`, 1) }},
		"that is too large":         {"/client.json", func(url string) string { return good(url) + strings.Repeat(" ", 6<<10) }},
		"that is not JSON":          {"/client.json", func(string) string { return "<html>" }},
		"that has moved":            {"/moved", good},
		"at the root of a host":     {"/", good},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			documents := documentServer(t, tc.body)
			s := oauthtest.New(t, withDocuments(documents))
			form := authorizeForm(oauth2.GenerateVerifier(), map[string]string{"client_id": documents.URL + tc.path})
			if status, query := authorize(t, s, form); status < 400 || query.Has("code") {
				t.Errorf("status %d, redirect with %v", status, query)
			}
		})
	}
}
