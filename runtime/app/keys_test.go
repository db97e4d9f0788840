package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

func (f fixture) status(token string) int {
	return f.Do(runtimetest.Request{Token: token}).Status
}

func TestKeysAreFetchedOnceBeforeReadyAndNotPerToken(t *testing.T) {
	f := start(t)
	for range 20 {
		if got := f.status(f.token("invoices:read")); got != http.StatusOK {
			t.Fatalf("status %d, want 200", got)
		}
	}
	if got := f.issuer.Count(oauthtest.EndpointJWKS); got != 1 {
		t.Errorf("the keys were fetched %d times, want once", got)
	}
}

func TestRotationIsPickedUpWithTheFirstToken(t *testing.T) {
	f := start(t)
	old := f.token("invoices:read")
	for range 2 {
		f.issuer.Rotate(jwa.ES256)
		if got := f.status(f.token("invoices:read")); got != http.StatusOK {
			t.Fatalf("a token of the new key: status %d, want 200", got)
		}
	}
	if got := f.status(old); got != http.StatusOK {
		t.Errorf("a token of the old key, still published: status %d, want 200", got)
	}
}

func TestRotationOfKeysWithoutIDsIsPickedUp(t *testing.T) {
	f := start(t)
	key, err := oauthtest.NewKey(jwa.ES256)
	if err != nil {
		t.Fatal(err)
	}
	key.Members = map[string]any{"kid": nil}
	f.issuer.Publish(key)
	f.issuer.SignWith(key)
	token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("kid", nil))
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("status %d, want 200", got)
	}
}

func TestSixtyTokensWithUnknownKeysCauseAHandfulOfFetches(t *testing.T) {
	f := start(t)
	before := f.issuer.Count(oauthtest.EndpointJWKS)
	var refused atomic.Int32
	var group sync.WaitGroup
	for range 60 {
		key, err := oauthtest.NewKey(jwa.ES256)
		if err != nil {
			t.Fatal(err)
		}
		token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.SignedWith(key))
		group.Go(func() {
			if f.status(token) == http.StatusUnauthorized {
				refused.Add(1)
			}
		})
	}
	group.Wait()
	if got := f.issuer.Count(oauthtest.EndpointJWKS) - before; got > 5 {
		t.Errorf("60 bad tokens caused %d fetches, want at most 5", got)
	}
	if refused.Load() != 60 {
		t.Errorf("%d of 60 were refused with 401", refused.Load())
	}
}

func TestARemovedKeyTakesRememberedTokensWithIt(t *testing.T) {
	f := start(t)
	old, oldKey := f.token("invoices:read"), f.issuer.SigningKey()
	if got := f.status(old); got != http.StatusOK {
		t.Fatalf("status %d, want 200", got)
	}
	f.issuer.Rotate(jwa.ES256)
	f.issuer.Unpublish(oldKey)
	if got := f.status(f.token("invoices:read")); got != http.StatusOK { // causes the fetch
		t.Fatalf("a token of the new key: status %d, want 200", got)
	}
	if got := f.status(old); got != http.StatusUnauthorized {
		t.Errorf("a token of the removed key: status %d, want 401", got)
	}
}

func TestAnIssuerThatTakesAllKeysAwayIsObeyed(t *testing.T) {
	f := start(t)
	token, next := f.token("invoices:read"), ""
	if got := f.status(token); got != http.StatusOK {
		t.Fatalf("status %d, want 200", got)
	}
	f.issuer.Rotate(jwa.ES256)
	next = f.token("invoices:read")
	f.issuer.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":[]}`})
	if got := f.status(next); got != http.StatusUnauthorized { // causes the fetch
		t.Errorf("a token of a key that is not published: status %d, want 401", got)
	}
	if got := f.status(token); got != http.StatusUnauthorized {
		t.Errorf("a remembered token: status %d, want 401", got)
	}
}

// publishSecret answers the key set with the published keys and the secret one.
func (f fixture) publishSecret(t *testing.T, secret string) {
	t.Helper()
	var keys []string
	for _, key := range f.issuer.PublishedKeys() {
		raw, err := json.Marshal(key.JWK())
		must(t, err)
		keys = append(keys, string(raw))
	}
	body := `{"keys":[` + strings.Join(append(keys, secret), ",") + `]}`
	f.issuer.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: body})
}

func TestAPublishedPrivateKeyIsRefusedAtOnceAndTheOthersStay(t *testing.T) {
	f := start(t)
	lost := f.issuer.SigningKey()
	forged := f.token("invoices:read")
	if got := f.status(forged); got != http.StatusOK {
		t.Fatalf("before the key was lost: status %d, want 200", got)
	}
	f.issuer.Rotate(jwa.ES256)
	f.publishSecret(t, string(lost.PrivateJWK()))
	if got := f.status(f.token("invoices:read")); got != http.StatusOK { // causes the fetch
		t.Errorf("a token of the other key: status %d, want 200: %s", got, f.Logs())
	}
	if got := f.status(forged); got != http.StatusUnauthorized {
		t.Errorf("a token of the lost key: status %d, want 401", got)
	}
	if !strings.Contains(f.Logs(), "keys[2] is a private key") {
		t.Errorf("the log does not say which key: %s", f.Logs())
	}
	if _, metrics := f.Admin("/metrics"); !strings.Contains(string(metrics), `securedmcp_issuer_keys_refused_total{kind="private"}`) {
		t.Error("the metrics do not count it")
	}
}

func TestAPublishedSymmetricKeyIsRefusedAndTheOthersStay(t *testing.T) {
	f := start(t)
	f.issuer.Rotate(jwa.ES256)
	f.publishSecret(t, `{"kty":"oct","kid":"hmac","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ"}`)
	if got := f.status(f.token("invoices:read")); got != http.StatusOK {
		t.Errorf("a token of a good key: status %d, want 200: %s", got, f.Logs())
	}
	hmac := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("kid", "hmac"), oauthtest.SignedWithHMAC([]byte("secret-secret-secret-secret-1234")))
	if got := f.status(hmac); got != http.StatusUnauthorized {
		t.Errorf("a token by the symmetric key: status %d, want 401", got)
	}
}

func TestASetOfLostKeysLeavesNone(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	lost := f.issuer.SigningKey()
	f.issuer.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":[` + string(lost.PrivateJWK()) + `]}`})
	stranger, err := oauthtest.NewKey(jwa.ES256)
	must(t, err)
	if got := f.status(f.issuer.Token(nil, oauthtest.SignedWith(stranger))); got != http.StatusUnauthorized { // causes the fetch
		t.Errorf("an unknown key: status %d, want 401", got)
	}
	if got := f.status(token); got != http.StatusUnauthorized {
		t.Errorf("a token of the lost key: status %d, want 401", got)
	}
}

func TestKnownKeysOutliveTheIssuer(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	f.issuer.SetOutage(true)
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("status %d while the issuer is away, want 200", got)
	}
	stranger, err := oauthtest.NewKey(jwa.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.status(f.issuer.Token(nil, oauthtest.SignedWith(stranger))); got != http.StatusUnauthorized {
		t.Errorf("an unknown key while the issuer is away: status %d, want 401", got)
	}
}

func TestNotReadyBeforeTheIssuerAnswered(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	issuer.SetOutage(true)
	raw := mustEncode(t, runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1"))
	r := runtimetest.StartRaw(t, raw)
	r.WaitStatus("an error", func(s app.ConfigStatus) bool {
		return s.Error != "" && s.Error != "no configuration has been loaded yet"
	})
	if status, _ := r.Admin("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz %d, want 503", status)
	}
	if status, _ := r.Admin("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz %d, want 200", status)
	}
	token := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
	if resp := r.Do(runtimetest.Request{URL: runtimetest.Resource, Token: token}); resp.Status != http.StatusServiceUnavailable {
		t.Errorf("a request before the keys are known: status %d, want 503", resp.Status)
	}
	issuer.SetOutage(false)
	r.WaitStatus("readiness", func(s app.ConfigStatus) bool { return s.Revision != "" && s.Error == "" })
	if status, _ := r.Admin("/readyz"); status != http.StatusOK {
		t.Errorf("/readyz %d, want 200", status)
	}
}

func TestIssuersThatAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		path string
		hide []oauthtest.Endpoint
	}{
		"by RFC 8414":                        {"", []oauthtest.Endpoint{oauthtest.EndpointOpenIDMetadata}},
		"by OpenID discovery":                {"", []oauthtest.Endpoint{oauthtest.EndpointOAuthMetadata}},
		"by RFC 8414 with a path":            {"/realms/acme", []oauthtest.Endpoint{oauthtest.EndpointOpenIDMetadata, oauthtest.EndpointOpenIDMetadataAppended}},
		"by OpenID discovery, path inserted": {"/realms/acme", []oauthtest.Endpoint{oauthtest.EndpointOAuthMetadata, oauthtest.EndpointOpenIDMetadataAppended}},
		"by OpenID discovery, path in front": {"/realms/acme", []oauthtest.Endpoint{oauthtest.EndpointOAuthMetadata, oauthtest.EndpointOpenIDMetadata}},
		"with a trailing slash":              {"/", nil},
		"with a path and a trailing slash":   {"/tenant/", []oauthtest.Endpoint{oauthtest.EndpointOAuthMetadata, oauthtest.EndpointOpenIDMetadata}},
	} {
		t.Run(name, func(t *testing.T) {
			options := []oauthtest.Option{oauthtest.WithAudience(runtimetest.Resource)}
			if tc.path != "" {
				options = append(options, oauthtest.WithIssuerPath(tc.path))
			}
			issuer := oauthtest.New(t, options...)
			for _, endpoint := range tc.hide {
				issuer.SetFault(endpoint, oauthtest.Fault{Status: http.StatusNotFound})
			}
			r := runtimetest.Start(t, runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1"))
			if resp := r.Do(runtimetest.Request{Token: issuer.Token(oauthtest.Claims{"scope": "invoices:read"})}); resp.Status != http.StatusOK {
				t.Errorf("status %d, want 200: %s", resp.Status, r.Logs())
			}
		})
	}
}

func TestIssuersThatAreNotBelieved(t *testing.T) {
	for name, spoil := range map[string]func(*oauthtest.Server){
		"whose metadata names another issuer": func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"issuer": "https://evil.example.com"}) },
		"whose metadata has no keys":          func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"jwks_uri": nil}) },
		"whose keys are in a file":            func(s *oauthtest.Server) { s.SetMetadata(map[string]any{"jwks_uri": "file:///etc/passwd"}) },
		"whose keys are elsewhere": func(s *oauthtest.Server) {
			s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Status: 302, Header: http.Header{"Location": {s.URL}}})
		},
		"whose keys are an HTML page": func(s *oauthtest.Server) {
			s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}}})
		},
		"whose keys are too many bytes": func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Pad: 1 << 20}) },
		"whose key set is empty":        func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":[]}`}) },
		"who publishes a symmetric key": func(s *oauthtest.Server) {
			s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":[{"kty":"oct","k":"AAAA"}]}`})
		},
		"who publishes a private key":      func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: privateJWKS}) },
		"whose only key is for encryption": func(s *oauthtest.Server) { s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: encryptionJWKS}) },
	} {
		t.Run(name, func(t *testing.T) {
			issuer := oauthtest.New(t)
			spoil(issuer)
			r := runtimetest.StartRaw(t, mustEncode(t, runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")))
			s := r.WaitStatus("an error", func(s app.ConfigStatus) bool {
				return s.Error != "" && s.Error != "no configuration has been loaded yet"
			})
			if s.Revision != "" {
				t.Errorf("revision %q is enforced", s.Revision)
			}
		})
	}
}

const (
	privateJWKS    = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}`
	encryptionJWKS = `{"keys":[{"kty":"EC","use":"enc","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
)

func TestIssuerWithAPrivateCA(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithTLS(), oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")

	r := runtimetest.StartRaw(t, mustEncode(t, c))
	r.WaitStatus("an error", func(s app.ConfigStatus) bool {
		return s.Error != "" && s.Error != "no configuration has been loaded yet"
	})

	c.Tokens.CABundleFile = writeTemp(t, issuer.CAPEM())
	r.ReplaceRaw(mustEncode(t, c))
	r.WaitStatus("readiness", func(s app.ConfigStatus) bool { return s.Revision != "" && s.Error == "" })
	token := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
	if resp := r.Do(runtimetest.Request{URL: runtimetest.Resource, Token: token}); resp.Status != http.StatusOK {
		t.Errorf("status %d, want 200", resp.Status)
	}
}

// An outage is when a person wants to change the bound, so that needs no fetch.
func TestTheBoundOfStaleKeysChangesWithoutTheIssuer(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	f.issuer.SetOutage(true)
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Tokens.StaleKeysSeconds = config.MinStaleKeysSeconds
	f.Replace(c)
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("status %d, want 200", got)
	}
}

// A flood of unknown keys must not have good clients throw their tokens away.
func TestATokenOfANewKeyIsNotCalledBadBesideAFloodOfUnknownOnes(t *testing.T) {
	f, stranger := start(t), oauthtest.New(t)
	before := f.issuer.Count(oauthtest.EndpointJWKS)
	for f.issuer.Count(oauthtest.EndpointJWKS) < before+3 { // the budget of one moment
		f.status(stranger.Token(oauthtest.Claims{"iss": f.issuer.Issuer(), "scope": "invoices:read"}))
	}
	f.issuer.Rotate(jwa.ES256)
	if got := f.status(f.token("invoices:read")); got != http.StatusOK {
		t.Errorf("status %d, want 200", got)
	}
}
