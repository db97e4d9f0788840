//go:build e2e

package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/securedmcp/operator/test/oauthtest"
)

// checkChallenge looks at one Bearer challenge: its error, "" for none, its
// scopes, and where it says the metadata is.
func (s *server) checkChallenge(header, code string, scopes ...string) {
	s.t.Helper()
	challenges, err := oauthex.ParseWWWAuthenticate([]string{header})
	if err != nil || len(challenges) != 1 {
		s.t.Fatalf("WWW-Authenticate %q: want one challenge (%v)", header, err)
	}
	params := challenges[0].Params
	delete(params, "error_description")
	want := map[string]string{
		"scope":             strings.Join(scopes, " "),
		"resource_metadata": "https://" + s.host + "/.well-known/oauth-protected-resource/billing",
	}
	if code != "" {
		want["error"] = code
	}
	if diff := cmp.Diff(want, params); diff != "" {
		s.t.Errorf("challenge (-want +got):\n%s", diff)
	}
}

func TestTokensThatAreNotForThisServerAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	stranger, err := oauthtest.NewHandler(oauthtest.Config{Issuer: issuerURL})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := stranger.Mint(oauthtest.Claims{"aud": s.manifest.Spec.Resource, "scope": readScope})
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	cases := map[string]string{
		"a token for another audience":             s.mint(oauthtest.Claims{"scope": readScope, "aud": "https://mcp.example.com/other"}),
		"a token without an audience":              s.mint(oauthtest.Claims{"scope": readScope, "aud": nil}),
		"a token of another issuer":                s.mint(oauthtest.Claims{"scope": readScope, "iss": "https://evil.example.com"}),
		"a token of the issuer's own metadata URL": s.mint(oauthtest.Claims{"scope": readScope, "iss": issuerURL + "/"}),
		"a token that is expired":                  s.mint(oauthtest.Claims{"scope": readScope, "exp": time.Now().Add(-time.Hour)}),
		"a token that never expires":               s.mint(oauthtest.Claims{"scope": readScope, "exp": nil}),
		"a token of somebody else's key":           foreign,
		"a token with a bad signature":             s.mint(oauthtest.Claims{"scope": readScope}, oauthtest.BadSignature()),
		"an unsigned token":                        s.mint(oauthtest.Claims{"scope": readScope}, oauthtest.Unsigned()),
		"a token signed with HMAC":                 s.mint(oauthtest.Claims{"scope": readScope}, oauthtest.SignedWithHMAC(secret)),
		"what is no token":                         "opaque",
	}
	if answer := s.call(s.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		t.Fatalf("a good token: status %d", answer.Status)
	}
	for name, token := range cases {
		t.Run(name, func(t *testing.T) {
			s := s.at(t)
			answer := s.call(token, lookupTool, "INV-2040")
			if answer.Status != http.StatusUnauthorized {
				t.Fatalf("status %d, want 401", answer.Status)
			}
			s.checkChallenge(answer.Challenge, "invalid_token", readScope)
		})
	}
}

func TestTheIssuersNewKeyIsFound(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	old := s.token(readScope)
	if _, err := env.issuer.Rotate(jwa.ES256); err != nil {
		t.Fatal(err)
	}
	// Both keys are in the JWKS now: other tests go on with either.
	s.waitStatus(s.token(readScope), lookupTool, http.StatusOK)
	if answer := s.call(old, lookupTool, noInvoiceID); answer.Status != http.StatusOK {
		t.Errorf("a token of the key before: status %d, want 200", answer.Status)
	}
}

func TestTheCallersCredentialsStayHere(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	probe := s.probe(s.token(readScope))
	probe.Transport = addHeader{"Cookie", "session=secret", addHeader{"X-Api-Key", "secret", s.transport}}
	invoice := "INV-" + strings.TrimPrefix(s.namespace, "e2e-") // to find the request in the log
	answer, err := probe.CallTool(t.Context(), lookupTool, map[string]any{"invoiceId": invoice})
	if err != nil {
		t.Fatal(err)
	}
	var result mcp.CallToolResult
	if err := answer.Result(&result); err != nil || !strings.Contains(text(&result), "there is no invoice") {
		t.Errorf("want the billing API to look for the invoice, got %q (%v)", text(&result), err)
	}
	s.wait("the request to be in the billing API's log", func(ctx context.Context) (bool, string, error) {
		log, err := env.cluster.Kubectl(ctx, "-n", sharedNamespace, "logs", "deploy/billing-api", "--tail=-1")
		if err != nil {
			return false, "", err
		}
		line := lineWith(log, `"path":"/invoices/`+invoice+`"`)
		if strings.Contains(line, "Authorization") || strings.Contains(line, "Cookie") || strings.Contains(line, "X-Api-Key") {
			t.Errorf("the caller's headers arrived: %s", line)
		}
		return line != "", "no such line", nil
	})
}

type addHeader struct {
	name, value string
	next        http.RoundTripper
}

func (a addHeader) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set(a.name, a.value)
	return a.next.RoundTrip(req)
}

func lineWith(log, part string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}
