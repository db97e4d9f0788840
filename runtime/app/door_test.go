package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

const metadataURL = "https://mcp.example.com/.well-known/oauth-protected-resource/billing"

type fixture struct {
	*runtimetest.Runtime

	issuer *oauthtest.Server
	api    *runtimetest.API
}

func start(t *testing.T) fixture {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	api := runtimetest.NewAPI(t, nil)
	return fixture{Runtime: runtimetest.Start(t, runtimetest.Billing(issuer.Issuer(), api.URL)), issuer: issuer, api: api}
}

func (f fixture) token(scope string) string {
	return f.issuer.Token(oauthtest.Claims{"scope": scope})
}

func TestStrangersLearnWhereToGetATokenAndNothingElse(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{})
	if resp.Status != http.StatusUnauthorized {
		t.Fatalf("status %d, want 401", resp.Status)
	}
	want := map[string]string{"resource_metadata": metadataURL, "scope": "invoices:read"}
	if diff := cmp.Diff(want, resp.Challenge()); diff != "" {
		t.Errorf("challenge (-want +got):\n%s", diff)
	}
	if strings.Contains(string(resp.Body), "invoice") {
		t.Errorf("body tells a stranger about tools: %s", resp.Body)
	}
}

func TestProtectedResourceMetadata(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{HTTPMethod: http.MethodGet, URL: metadataURL})
	want := map[string]any{
		"resource":                 runtimetest.Resource,
		"authorization_servers":    []any{f.issuer.Issuer()},
		"scopes_supported":         []any{"invoices:read", "invoices:write"},
		"bearer_methods_supported": []any{"header"},
		"resource_name":            "Billing Tools",
		"securedmcp_scope_descriptions": map[string]any{
			"invoices:read": "Look invoices up", "invoices:write": "Change invoices",
		},
	}
	if diff := cmp.Diff(want, resp.JSON()); diff != "" || resp.Status != http.StatusOK {
		t.Errorf("status %d, metadata (-want +got):\n%s", resp.Status, diff)
	}
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin %q, want *", got)
	}
}

func TestMetadataOfAResourceWithoutPathIsAtTheRoot(t *testing.T) {
	issuer := oauthtest.New(t)
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Resource = "https://mcp.example.com"
	r := runtimetest.Start(t, c)
	resp := r.Do(runtimetest.Request{HTTPMethod: http.MethodGet, URL: "https://mcp.example.com/.well-known/oauth-protected-resource"})
	if got := resp.JSON()["resource"]; got != c.Resource {
		t.Errorf("resource %v, want %s", got, c.Resource)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	f := start(t)
	other, err := oauthtest.NewKey(jwa.ES256)
	if err != nil {
		t.Fatal(err)
	}
	good := oauthtest.Claims{"scope": "invoices:read"}
	with := func(name string, value any) oauthtest.Claims {
		return oauthtest.Claims{"scope": "invoices:read", name: value}
	}
	secret := f.issuer.SigningKey().PublicPEM()
	for name, token := range map[string]string{
		"garbage":                               "garbage",
		"three parts of garbage":                "a.b.c",
		"for another audience":                  f.issuer.Token(with("aud", "https://mcp.example.com/other")),
		"for an audience that ours is part of":  f.issuer.Token(with("aud", runtimetest.Resource+"/")),
		"for nobody":                            f.issuer.Token(with("aud", nil)),
		"whose audience is a number":            f.issuer.Token(with("aud", 7)),
		"of another issuer":                     f.issuer.Token(with("iss", "https://evil.example.com")),
		"of the issuer with a slash added":      f.issuer.Token(with("iss", f.issuer.Issuer()+"/")),
		"without issuer":                        f.issuer.Token(with("iss", nil)),
		"expired":                               f.issuer.Token(with("exp", time.Now().Add(-time.Minute))),
		"that never expires":                    f.issuer.Token(with("exp", nil)),
		"whose expiry is a string":              f.issuer.Token(with("exp", "tomorrow")),
		"whose expiry overflows":                f.issuer.Token(with("exp", 1e300)),
		"not valid yet":                         f.issuer.Token(with("nbf", time.Now().Add(time.Hour))),
		"issued in the future":                  f.issuer.Token(with("iat", time.Now().Add(time.Hour))),
		"bound to a key by DPoP":                f.issuer.Token(with("cnf", map[string]any{"jkt": "x"})),
		"bound to a certificate":                f.issuer.Token(with("cnf", map[string]any{"x5t#S256": "x"})),
		"whose cnf is null":                     f.issuer.Token(nil, oauthtest.RawPayload(rawPayload(f, `"cnf":null`)), oauthtest.Header("typ", "JWT")),
		"that is not UTF-8":                     f.issuer.Token(nil, oauthtest.RawPayload(rawPayload(f, "\"name\":\"\xff\""))),
		"with a changed signature":              f.issuer.Token(good, oauthtest.BadSignature()),
		"signed by a stranger":                  f.issuer.Token(good, oauthtest.SignedWith(other)),
		"signed by a stranger under a known id": f.issuer.Token(good, oauthtest.SignedWith(other), oauthtest.Header("kid", f.issuer.SigningKey().ID)),
		"unsigned":                              f.issuer.Token(good, oauthtest.Unsigned()),
		"signed with the public key as secret":  f.issuer.Token(good, oauthtest.SignedWithHMAC(secret)),
		"that brings its key":                   f.issuer.Token(good, oauthtest.SignedWith(other), oauthtest.Header("jwk", other.JWK()), oauthtest.Header("kid", nil)),
		"that says where its key is":            f.issuer.Token(good, oauthtest.SignedWith(other), oauthtest.Header("jku", f.issuer.URL+"/jwks")),
		"with a critical extension":             f.issuer.Token(good, oauthtest.Header("crit", []string{"exp"})),
		"with an unencoded payload":             f.issuer.Token(good, oauthtest.Header("b64", false)),
		"of another type":                       f.issuer.Token(good, oauthtest.Header("typ", "dpop+jwt")),
		"that is a logout token":                f.issuer.Token(good, oauthtest.Header("typ", "logout+jwt")),
		"whose algorithm is spelled otherwise":  f.issuer.Token(good, oauthtest.Header("alg", "es256")),
		"whose algorithm does not fit its key":  f.issuer.Token(good, oauthtest.Header("alg", "RS256")),
		"whose scope is a number":               f.issuer.Token(with("scope", 7)),
		"whose subject is an object":            f.issuer.Token(with("sub", map[string]any{})),
		"with padding":                          f.token("invoices:read") + "=",
		"with a fourth part":                    f.token("invoices:read") + ".x",
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.Do(runtimetest.Request{Token: token})
			if resp.Status != http.StatusUnauthorized || resp.Challenge()["error"] != "invalid_token" {
				t.Errorf("status %d, challenge %v; want 401 invalid_token", resp.Status, resp.Challenge())
			}
			if resp.Challenge()["resource_metadata"] != metadataURL {
				t.Errorf("challenge %v: want resource_metadata", resp.Challenge())
			}
		})
	}
	if len(f.api.Requests()) != 0 {
		t.Error("a refused request reached the upstream")
	}
}

// rawPayload is a good payload with one more member, verbatim. It has not all that a
// token of typ at+jwt needs.
func rawPayload(f fixture, member string) []byte {
	return []byte(`{"iss":"` + f.issuer.Issuer() + `","aud":"` + runtimetest.Resource + `","sub":"u","scope":"invoices:read","exp":4102444800,` + member + `}`)
}

func TestTokensThatAreAccepted(t *testing.T) {
	f := start(t)
	for name, token := range map[string]string{
		"whose audience is a list":               f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "aud": []string{"x", runtimetest.Resource}}),
		"of type JWT":                            f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("typ", "JWT")),
		"without type":                           f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("typ", nil)),
		"of type application/at+jwt in capitals": f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("typ", "APPLICATION/AT+JWT")),
		"without key id":                         f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("kid", nil)),
		"with scp as a list":                     f.issuer.Token(oauthtest.Claims{"scp": []string{"other", "invoices:read"}}),
		"with scp as a string":                   f.issuer.Token(oauthtest.Claims{"scp": "other invoices:read"}),
		"just expired, within the skew":          f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "exp": time.Now().Add(-10 * time.Second)}),
		"with a broader scope":                   f.token("invoices:write"),
		"with scopes of other servers":           f.token("openid invoices:read email"),
		"of a client without a subject":          f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": nil, "client_id": "robot"}),
		"whose expiry has a fraction":            f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "exp": float64(time.Now().Unix()) + 60.5}),
		"with members of unknown meaning":        f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "SCOPE": "nothing", "x": []int{1}}),
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time from memory
				if resp := f.Do(runtimetest.Request{Token: token}); resp.Status != http.StatusOK {
					t.Errorf("status %d, want 200: %s\n%s", resp.Status, resp.Body, f.Logs())
				}
			}
		})
	}
}

func TestEveryAsymmetricAlgorithm(t *testing.T) {
	const ok, refused = http.StatusOK, http.StatusUnauthorized
	for name, tc := range map[string]struct {
		listed []string
		status map[bool]int // by whether the algorithm has to be asked for
	}{
		"all are listed":  {config.AllAlgorithms(), map[bool]int{false: ok, true: ok}},
		"none are listed": {nil, map[bool]int{false: ok, true: refused}},
	} {
		t.Run(name, func(t *testing.T) {
			f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.Algorithms = tc.listed })
			tokens := map[string]string{} // all keys are there before the first is fetched
			for _, alg := range config.AllAlgorithms() {
				tokens[alg] = f.tokenBy(publishKey(t, f, alg), alg)
			}
			for alg, token := range tokens {
				if got, want := f.status(token), tc.status[alg == "ES256K" || alg == "Ed448"]; got != want {
					t.Errorf("%s: status %d, want %d: %s", alg, got, want, f.Logs())
				}
			}
		})
	}
}

// publishKey adds a key of an algorithm to those that the issuer publishes.
func publishKey(t *testing.T, f fixture, algorithm string) *oauthtest.Key {
	t.Helper()
	alg := jwa.SignatureAlgorithm(algorithm)
	if algorithm == "Ed25519" {
		alg = jwa.EdDSA // which it is, by another name
	}
	key, err := oauthtest.NewKey(alg)
	must(t, err)
	f.issuer.Publish(key)
	return key
}

// tokenBy is signed with key and says alg.
func (f fixture) tokenBy(key *oauthtest.Key, alg string) string {
	return f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.SignedWith(key), oauthtest.Header("alg", alg))
}

// The name says which curve the key has to be of, and EdDSA leaves it to the key.
func TestEdDSAIsOfTheCurveThatTheListAllows(t *testing.T) {
	const ok, refused = http.StatusOK, http.StatusUnauthorized
	for listed, want := range map[string]map[string]int{ // by alg and the key's curve
		"EdDSA":   {"EdDSA Ed25519": ok, "EdDSA Ed448": ok, "Ed25519 Ed25519": refused, "Ed448 Ed448": refused},
		"Ed25519": {"EdDSA Ed25519": refused, "EdDSA Ed448": refused, "Ed25519 Ed25519": ok, "Ed25519 Ed448": refused, "Ed448 Ed448": refused},
		"Ed448":   {"EdDSA Ed25519": refused, "EdDSA Ed448": refused, "Ed448 Ed25519": refused, "Ed448 Ed448": ok, "Ed25519 Ed25519": refused},
	} {
		f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.Algorithms = []string{listed} })
		keys := map[string][]*oauthtest.Key{} // all are there before the first is fetched
		for _, curve := range []string{"Ed25519", "Ed448"} {
			for _, published := range []any{"EdDSA", curve, nil} {
				key := publishKey(t, f, curve)
				key.Members = map[string]any{"alg": published}
				keys[curve] = append(keys[curve], key)
			}
		}
		for names, status := range want {
			alg, curve, _ := strings.Cut(names, " ")
			for _, key := range keys[curve] {
				if got := f.status(f.tokenBy(key, alg)); got != status {
					t.Errorf("listed %s: alg %s by a key of %s and alg %v: status %d, want %d", listed, alg, curve, key.Members["alg"], got, status)
				}
			}
		}
	}
}

// RFC 9864 gives EdDSA with Ed25519 a name of its own. Issuers write the one name
// or the other, in the token and in the key.
func TestEd25519ByEachOfItsNames(t *testing.T) {
	for _, published := range []any{"EdDSA", "Ed25519", nil} {
		f := startWith(t, func(*config.RuntimeConfig) {}, oauthtest.WithAlgorithm(jwa.EdDSA))
		key, err := oauthtest.NewKey(jwa.EdDSA)
		must(t, err)
		key.Members = map[string]any{"alg": published}
		f.issuer.Publish(key)
		f.issuer.SignWith(key)
		for _, alg := range []string{"EdDSA", "Ed25519"} {
			token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("alg", alg))
			if got := f.status(token); got != http.StatusOK {
				t.Errorf("alg %s by a key of alg %v: status %d, want 200: %s", alg, published, got, f.Logs())
			}
		}
	}
	for _, listed := range []string{"EdDSA", "Ed25519"} {
		f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.Algorithms = []string{listed} }, oauthtest.WithAlgorithm(jwa.EdDSA))
		for _, alg := range []string{"EdDSA", "Ed25519"} {
			want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[alg == listed]
			token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read"}, oauthtest.Header("alg", alg))
			if got := f.status(token); got != want {
				t.Errorf("alg %s where %s is listed: status %d, want %d", alg, listed, got, want)
			}
		}
	}
}

func TestHowTheTokenIsCarried(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	for name, tc := range map[string]struct {
		request runtimetest.Request
		status  int
		err     string
	}{
		"the scheme is case-insensitive":       {runtimetest.Request{Header: map[string][]string{"Authorization": {"bEARER " + token}}}, 200, ""},
		"another scheme is no token":           {runtimetest.Request{Header: map[string][]string{"Authorization": {"Basic dTpw"}}}, 401, ""},
		"two headers are malformed":            {runtimetest.Request{Header: map[string][]string{"Authorization": {"Bearer " + token, "Bearer " + token}}}, 400, "invalid_request"},
		"two tokens in one header":             {runtimetest.Request{Header: map[string][]string{"Authorization": {"Bearer " + token + ", Bearer " + token}}}, 400, "invalid_request"},
		"two tokens behind one scheme":         {runtimetest.Request{Header: map[string][]string{"Authorization": {"Bearer " + token + " " + token}}}, 400, "invalid_request"},
		"a scheme alone is malformed":          {runtimetest.Request{Header: map[string][]string{"Authorization": {"Bearer"}}}, 400, "invalid_request"},
		"a token in the query is no token":     {runtimetest.Request{URL: runtimetest.Resource + "?access_token=" + token}, 401, ""},
		"header and query are malformed":       {runtimetest.Request{Token: token, URL: runtimetest.Resource + "?access%5Ftoken=" + token}, 400, "invalid_request"},
		"a token in the body is no token":      {runtimetest.Request{Body: "access_token=" + token, Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}}, 401, ""},
		"a token of 17 KiB is malformed":       {runtimetest.Request{Token: strings.Repeat("a", 17<<10)}, 401, "invalid_token"},
		"other query parameters do not matter": {runtimetest.Request{Token: token, URL: runtimetest.Resource + "?a=b"}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.Do(tc.request)
			if resp.Status != tc.status || resp.Challenge()["error"] != tc.err {
				t.Errorf("status %d, error %q; want %d, %q", resp.Status, resp.Challenge()["error"], tc.status, tc.err)
			}
		})
	}
}

func TestTheDoorWantsItsScopes(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{Token: f.token("openid")})
	want := map[string]string{
		"error": "insufficient_scope", "scope": "invoices:read", "resource_metadata": metadataURL,
		"error_description": "The request needs more scope than the access token has",
	}
	if diff := cmp.Diff(want, resp.Challenge()); diff != "" || resp.Status != http.StatusForbidden {
		t.Errorf("status %d, challenge (-want +got):\n%s", resp.Status, diff)
	}
}

func TestAToolWantsItsScopes(t *testing.T) {
	f := start(t)
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25", runtimetest.Modern} {
		t.Run(version, func(t *testing.T) {
			call := runtimetest.Call(f.token("invoices:read"), "void_invoice", map[string]any{"invoiceId": "INV-1"})
			call.Version = version
			before := len(f.api.Requests())
			resp := f.Do(call)
			if resp.Status != http.StatusForbidden || resp.Challenge()["error"] != "insufficient_scope" {
				t.Errorf("status %d, challenge %v; want 403 insufficient_scope", resp.Status, resp.Challenge())
			}
			if got, want := resp.Challenge()["scope"], "invoices:read invoices:write"; got != want {
				t.Errorf("scope %q, want all that the call needs: %q", got, want)
			}
			if len(f.api.Requests()) != before {
				t.Error("the denied call reached the upstream")
			}
			call.Token = f.token("invoices:write")
			if resp := f.Do(call); resp.Status != http.StatusOK {
				t.Errorf("with the scope: status %d, want 200: %s", resp.Status, resp.Body)
			}
		})
	}
}

func TestHostAndOrigin(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	origin := func(o ...string) map[string][]string { return map[string][]string{"Origin": o} }
	for name, tc := range map[string]struct {
		request runtimetest.Request
		status  int
	}{
		"the host in capitals":       {runtimetest.Request{Host: "MCP.EXAMPLE.COM"}, 200},
		"the host with its port":     {runtimetest.Request{Host: "mcp.example.com:443"}, 200},
		"the host with another port": {runtimetest.Request{Host: "mcp.example.com:8443"}, 403},
		"another host":               {runtimetest.Request{Host: "evil.example.com"}, 403},
		"an address":                 {runtimetest.Request{Host: "127.0.0.1"}, 403},
		"a host that ours begins":    {runtimetest.Request{Host: "mcp.example.com.evil.com"}, 403},
		"its own origin":             {runtimetest.Request{Header: origin("https://mcp.example.com")}, 200},
		"its own origin in capitals": {runtimetest.Request{Header: origin("HTTPS://MCP.example.com:443")}, 200},
		"another origin":             {runtimetest.Request{Header: origin("https://evil.example.com")}, 403},
		"its own origin without TLS": {runtimetest.Request{Header: origin("http://mcp.example.com")}, 403},
		"the null origin":            {runtimetest.Request{Header: origin("null")}, 403},
		"two origins":                {runtimetest.Request{Header: origin("https://mcp.example.com", "https://evil.example.com")}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			tc.request.Token = token
			if resp := f.Do(tc.request); resp.Status != tc.status {
				t.Errorf("status %d, want %d", resp.Status, tc.status)
			}
		})
	}
}

func TestTokensAreNeverLogged(t *testing.T) {
	f := start(t)
	good, bad := f.token("invoices:write"), f.issuer.Token(oauthtest.Claims{"aud": "other"})
	f.Do(runtimetest.Call(good, "lookup_invoice", map[string]any{"invoiceId": "INV-SECRET"}))
	f.Do(runtimetest.Call(good, "lookup_invoice", map[string]any{"invoiceId": 7}))
	f.Do(runtimetest.Request{Token: bad})
	_, metrics := f.Admin("/metrics")
	for what, text := range map[string]string{"log": f.Logs(), "metrics": string(metrics)} {
		for _, secret := range []string{good, bad, strings.Split(good, ".")[2], "INV-SECRET"} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds %q", what, secret)
			}
		}
	}
	if !strings.Contains(f.Logs(), `"decision":"allowed"`) || !strings.Contains(f.Logs(), `"reason":"bad_audience"`) {
		t.Errorf("the audit lacks a decision:\n%s", f.Logs())
	}
}

func TestNothingOfTheCallerReachesTheUpstream(t *testing.T) {
	f := start(t)
	call := runtimetest.Call(f.token("invoices:write"), "void_invoice", map[string]any{"invoiceId": "INV-1", "reason": "twice"})
	call.Header = map[string][]string{"Cookie": {"session=1"}, "X-Forwarded-For": {"203.0.113.9"}, "X-Custom": {"1"}, "Traceparent": {"00-0-0-00"}}
	if resp := f.Do(call); resp.Status != http.StatusOK {
		t.Fatalf("status %d: %s", resp.Status, resp.Body)
	}
	got := f.api.Last(t)
	want := http.Header{
		"Accept": {"application/json, text/*;q=0.9"}, "Accept-Encoding": {"gzip"}, "Content-Length": {"18"},
		"Content-Type": {"application/json"}, "User-Agent": {"securedmcp-runtime"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("headers at the upstream (-want +got):\n%s", diff)
	}
	if got.URI != "/invoices/INV-1/void" || got.Body != `{"reason":"twice"}` {
		t.Errorf("the upstream got %s %s %s", got.Method, got.URI, got.Body)
	}
}
