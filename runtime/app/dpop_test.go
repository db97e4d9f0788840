package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/redistest"
	"github.com/securedmcp/operator/test/runtimetest"
)

const allAlgorithms = "ES256 ES256K ES384 ES512 Ed25519 Ed448 EdDSA PS256 PS384 PS512 RS256 RS384 RS512"

// holder is a client that holds a key.
type holder struct {
	t   testing.TB
	key *oauthtest.Key
}

func newHolder(t testing.TB, algorithm jwa.SignatureAlgorithm) holder {
	t.Helper()
	key, err := oauthtest.NewKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return holder{t, key}
}

// token is bound to the holder's key and carries invoices:read.
func (h holder) token(f fixture) string {
	claims := h.key.Bound()
	claims["scope"] = "invoices:read"
	return f.issuer.Token(claims)
}

// proof is one for the endpoint.
func (h holder) proof(token string, claims oauthtest.Claims, options ...oauthtest.TokenOption) string {
	h.t.Helper()
	proof, err := h.key.Proof(http.MethodPost, runtimetest.Resource, token, claims, options...)
	if err != nil {
		h.t.Fatal(err)
	}
	return proof
}

// withProofs presents a token by the DPoP scheme.
func withProofs(q runtimetest.Request, token string, proofs ...string) runtimetest.Request {
	q.Token = ""
	q.Header = map[string][]string{"Authorization": {"DPoP " + token}, "DPoP": proofs}
	return q
}

func startDPoP(t *testing.T, mode string) fixture {
	t.Helper()
	return startWith(t, func(c *config.RuntimeConfig) { c.Tokens.DPoP = mode })
}

// answer is what a caller learns of being refused: the status and the error in
// each challenge.
type answer struct {
	Status int
	Errors map[string]string
}

func answerOf(resp *runtimetest.Response) answer {
	a := answer{Status: resp.Status}
	for scheme, params := range resp.Challenges() {
		if a.Errors == nil {
			a.Errors = map[string]string{}
		}
		a.Errors[scheme] = params["error"]
	}
	return a
}

func TestWhichSchemeATokenMayUse(t *testing.T) {
	ok := answer{Status: 200}
	both := func(bearer, dpop string) answer {
		return answer{401, map[string]string{"bearer": bearer, "dpop": dpop}}
	}
	onlyBearer := func(err string) answer { return answer{401, map[string]string{"bearer": err}} }
	onlyDPoP := func(err string) answer { return answer{401, map[string]string{"dpop": err}} }
	for name, want := range map[string]map[string]answer{
		"": {
			"a stranger": onlyBearer(""), "a plain token as Bearer": ok, "a plain token as Bearer with a proof": ok, "a bound token as Bearer": onlyBearer("invalid_token"),
			"a bound token as DPoP": onlyBearer(""), "a plain token as DPoP": onlyBearer(""),
			"a token bound to a certificate": onlyBearer("invalid_token"), "a token bound to both": onlyBearer(""),
		},
		config.DPoPOptional: {
			"a stranger": both("", ""), "a plain token as Bearer": ok, "a plain token as Bearer with a proof": ok, "a bound token as Bearer": both("invalid_token", ""),
			"a bound token as DPoP": ok, "a plain token as DPoP": both("", "invalid_token"),
			"a token bound to a certificate": both("invalid_token", ""), "a token bound to both": both("", "invalid_token"),
		},
		config.DPoPRequired: {
			"a stranger": onlyDPoP(""), "a plain token as Bearer": onlyDPoP(""), "a plain token as Bearer with a proof": onlyDPoP(""), "a bound token as Bearer": onlyDPoP(""),
			"a bound token as DPoP": ok, "a plain token as DPoP": onlyDPoP("invalid_token"),
			"a token bound to a certificate": onlyDPoP(""), "a token bound to both": onlyDPoP("invalid_token"),
		},
	} {
		t.Run("dpop "+name, func(t *testing.T) {
			f, h := startDPoP(t, name), newHolder(t, jwa.ES256)
			plain, bound := f.token("invoices:read"), h.token(f)
			certificate := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "cnf": map[string]any{"x5t#S256": "x"}})
			mixed := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "cnf": map[string]any{"jkt": h.key.Thumbprint(), "x5t#S256": "x"}})
			for range 2 { // the second time from memory
				got := map[string]answer{
					"a stranger":              answerOf(f.Do(runtimetest.Request{})),
					"a plain token as Bearer": answerOf(f.Do(runtimetest.Request{Token: plain})),
					"a plain token as Bearer with a proof": answerOf(f.Do(runtimetest.Request{
						Token: plain, Header: map[string][]string{"DPoP": {h.proof(plain, nil)}},
					})),
					"a bound token as Bearer": answerOf(f.Do(runtimetest.Request{
						Token: bound, Header: map[string][]string{"DPoP": {h.proof(bound, nil)}},
					})),
					"a bound token as DPoP":          answerOf(f.Do(withProofs(runtimetest.Request{}, bound, h.proof(bound, nil)))),
					"a plain token as DPoP":          answerOf(f.Do(withProofs(runtimetest.Request{}, plain, h.proof(plain, nil)))),
					"a token bound to a certificate": answerOf(f.Do(runtimetest.Request{Token: certificate})),
					"a token bound to both":          answerOf(f.Do(withProofs(runtimetest.Request{}, mixed, h.proof(mixed, nil)))),
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAProofWithAnythingWrongIsRefused(t *testing.T) {
	f, h, other := startDPoP(t, config.DPoPRequired), newHolder(t, jwa.ES256), newHolder(t, jwa.ES256)
	token := h.token(f)
	claim := func(name string, value any) []string {
		return []string{h.proof(token, oauthtest.Claims{name: value})}
	}
	header := func(name string, value any) []string {
		return []string{h.proof(token, nil, oauthtest.Header(name, value))}
	}
	with := func(option oauthtest.TokenOption) []string { return []string{h.proof(token, nil, option)} }
	jwk := func(changes map[string]any) []string {
		members := h.key.JWK()
		maps.Copy(members, changes)
		return header("jwk", members)
	}
	good := h.proof(token, nil)
	parts := strings.Split(good, ".")
	for name, proofs := range map[string][]string{
		"no proof":                     {},
		"an empty one":                 {""},
		"two":                          {h.proof(token, nil), h.proof(token, nil)},
		"two in one header":            {h.proof(token, nil) + ", " + h.proof(token, nil)},
		"garbage":                      {"garbage"},
		"three parts of garbage":       {"a.b.c"},
		"a fourth part":                {good + ".x"},
		"padding":                      {good + "="},
		"no signature":                 {parts[0] + "." + parts[1] + "."},
		"more than 8 KiB":              claim("x", strings.Repeat("a", 8<<10)),
		"the access token":             {token},
		"typ JWT":                      header("typ", "JWT"),
		"typ at+jwt":                   header("typ", "at+jwt"),
		"typ in capitals":              header("typ", "DPOP+JWT"),
		"no typ":                       header("typ", nil),
		"alg none":                     with(oauthtest.Unsigned()),
		"alg HS256":                    with(oauthtest.SignedWithHMAC(h.key.PublicPEM())),
		"alg of another curve":         header("alg", "ES384"),
		"alg of another key type":      header("alg", "RS256"),
		"no alg":                       header("alg", nil),
		"crit":                         header("crit", []string{"exp"}),
		"an unencoded payload":         header("b64", false),
		"no jwk":                       header("jwk", nil),
		"a kid in its place":           {h.proof(token, nil, oauthtest.Header("jwk", nil), oauthtest.Header("kid", h.key.Thumbprint()))},
		"jwk as a string":              header("jwk", "{}"),
		"an empty jwk":                 header("jwk", map[string]any{}),
		"jwk of an unknown type":       jwk(map[string]any{"kty": "AKP"}),
		"a symmetric jwk":              header("jwk", map[string]any{"kty": "oct", "k": "AAAA"}),
		"a private jwk":                jwk(map[string]any{"d": "AAAA"}),
		"jwk without y":                jwk(map[string]any{"y": nil}),
		"jwk whose x is a number":      jwk(map[string]any{"x": 1}),
		"jwk of another curve":         jwk(map[string]any{"crv": "P-384"}),
		"a changed signature":          with(oauthtest.BadSignature()),
		"a signature by another key":   with(oauthtest.SignedWith(other.key)),
		"a payload that is no object":  with(oauthtest.RawPayload([]byte(`[]`))),
		"a header that is no object":   with(oauthtest.RawHeader([]byte(`null`))),
		"no jti":                       claim("jti", nil),
		"an empty jti":                 claim("jti", ""),
		"jti as a number":              claim("jti", 1),
		"jti of 257 bytes":             claim("jti", strings.Repeat("a", 257)),
		"no htm":                       claim("htm", nil),
		"another method":               claim("htm", "GET"),
		"the method in small letters":  claim("htm", "post"),
		"htm as a list":                claim("htm", []string{"POST"}),
		"no htu":                       claim("htu", nil),
		"another path":                 claim("htu", runtimetest.Resource+"/"),
		"another host":                 claim("htu", "https://evil.example.com/billing"),
		"another scheme":               claim("htu", "http://mcp.example.com/billing"),
		"another port":                 claim("htu", "https://mcp.example.com:8443/billing"),
		"a path alone":                 claim("htu", "/billing"),
		"the path in other letters":    claim("htu", "https://mcp.example.com/Billing"),
		"a host with user information": claim("htu", "https://u@mcp.example.com/billing"),
		"htu as a list":                claim("htu", []string{runtimetest.Resource}),
		"no iat":                       claim("iat", nil),
		"iat as a string":              claim("iat", "now"),
		"iat that overflows":           claim("iat", 1e300),
		"iat too long ago":             claim("iat", time.Now().Add(-62*time.Second)),
		"iat in the future":            claim("iat", time.Now().Add(2*time.Minute)),
		"expired by its own words":     claim("exp", time.Now().Add(-time.Minute)),
		"not valid yet":                claim("nbf", time.Now().Add(time.Minute)),
		"no ath":                       claim("ath", nil),
		"ath of another token":         claim("ath", oauthtest.TokenHash("other")),
		"ath with padding":             claim("ath", oauthtest.TokenHash(token)+"="),
		"ath as a number":              claim("ath", 1),
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.Do(withProofs(runtimetest.Request{}, token, proofs...))
			want := map[string]map[string]string{"dpop": {
				"error": "invalid_dpop_proof", "error_description": "The DPoP proof is missing, malformed, not for this request or used before",
				"algs": allAlgorithms, "scope": "invoices:read", "resource_metadata": metadataURL,
			}}
			if diff := cmp.Diff(want, resp.Challenges()); diff != "" || resp.Status != http.StatusUnauthorized {
				t.Errorf("status %d, challenges (-want +got):\n%s", resp.Status, diff)
			}
		})
	}
	if len(f.api.Requests()) != 0 {
		t.Error("a refused request reached the upstream")
	}
	// The one that was only looked at has not been used up.
	if resp := f.Do(withProofs(runtimetest.Request{}, token, good)); resp.Status != http.StatusOK {
		t.Errorf("the good one: status %d, want 200: %s", resp.Status, f.Logs())
	}
}

func TestAProofByAnotherKeyIsNoneForTheToken(t *testing.T) {
	f, h, thief := startDPoP(t, config.DPoPRequired), newHolder(t, jwa.ES256), newHolder(t, jwa.ES256)
	token := h.token(f)
	// Repeated members: whoever takes the first sees one key, whoever takes the
	// last another.
	var twice bytes.Buffer
	mine, theirs := h.key.JWK(), thief.key.JWK()
	for _, pair := range [][2]map[string]any{{mine, theirs}, {theirs, mine}} {
		twice.WriteString(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256",`)
		for i, jwk := range pair {
			raw, err := json.Marshal(map[string]any{"x": jwk["x"], "y": jwk["y"]})
			if err != nil {
				t.Fatal(err)
			}
			twice.Write(append(bytes.Trim(raw, "{}"), []string{",", "}}"}[i]...))
		}
		ambiguous := thief.proof(token, nil, oauthtest.RawHeader(bytes.Clone(twice.Bytes())))
		twice.Reset()
		if resp := f.Do(withProofs(runtimetest.Request{}, token, ambiguous)); resp.Status != http.StatusUnauthorized {
			t.Errorf("two keys in one: status %d, want 401", resp.Status)
		}
	}
	resp := f.Do(withProofs(runtimetest.Request{}, token, thief.proof(token, nil)))
	if want := (answer{401, map[string]string{"dpop": "invalid_token"}}); !cmp.Equal(answerOf(resp), want) {
		t.Errorf("%v, want %v", answerOf(resp), want)
	}
}

func TestProofsThatAreGood(t *testing.T) {
	f, h := startDPoP(t, config.DPoPRequired), newHolder(t, jwa.ES256)
	token := h.token(f)
	for name, claims := range map[string]oauthtest.Claims{
		"the scheme and host in capitals": {"htu": "HTTPS://MCP.Example.COM/billing"},
		"the default port":                {"htu": "https://mcp.example.com:443/billing"},
		"an empty port":                   {"htu": "https://mcp.example.com:/billing"},
		"an escaped letter":               {"htu": "https://mcp.example.com/%62illing"},
		"dot segments":                    {"htu": "https://mcp.example.com/a/../billing"},
		"a query and a fragment":          {"htu": runtimetest.Resource + "?a=b#c"},
		"made a while ago":                {"iat": time.Now().Add(-40 * time.Second)},
		"made in a moment":                {"iat": time.Now().Add(25 * time.Second)},
		"iat with a fraction":             {"iat": float64(time.Now().UnixMilli()) / 1000},
		"a jti of 256 bytes":              {"jti": strings.Repeat("a", 256)},
		"members of unknown meaning":      {"nonce": "of someone else", "HTM": "GET", "x": []int{1}},
		"that has not expired":            {"exp": time.Now().Add(time.Minute), "nbf": time.Now()},
	} {
		t.Run(name, func(t *testing.T) {
			if resp := f.Do(withProofs(runtimetest.Request{}, token, h.proof(token, claims))); resp.Status != http.StatusOK {
				t.Errorf("status %d, want 200: %s", resp.Status, f.Logs())
			}
		})
	}
	described := h.proof(token, nil, oauthtest.Header("jwk", h.key.JWK()))
	if resp := f.Do(withProofs(runtimetest.Request{}, token, described)); resp.Status != http.StatusOK {
		t.Errorf("a jwk with kid, alg and use: status %d, want 200: %s", resp.Status, f.Logs())
	}
	q := withProofs(runtimetest.Request{URL: runtimetest.Resource + "?a=b"}, token, h.proof(token, nil))
	q.Header["Authorization"] = []string{"dpop " + token}
	if resp := f.Do(q); resp.Status != http.StatusOK {
		t.Errorf("the scheme in small letters, and a query: status %d, want 200", resp.Status)
	}
}

func TestProofsOfEveryAlgorithm(t *testing.T) {
	// What issuers may sign with says nothing about clients.
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Tokens.DPoP, c.Tokens.Algorithms = config.DPoPRequired, []string{"ES256"}
	})
	for _, name := range config.AllAlgorithms() {
		t.Run(name, func(t *testing.T) {
			algorithm := jwa.SignatureAlgorithm(name)
			if name == "Ed25519" {
				algorithm = jwa.EdDSA // which it is, by another name
			}
			if got := f.present(newHolder(t, algorithm), name); got != http.StatusOK {
				t.Errorf("status %d, want 200: %s", got, f.Logs())
			}
		})
	}
	for name, tc := range map[string]struct {
		key    jwa.SignatureAlgorithm
		status int
	}{
		"EdDSA": {oauthtest.Ed448, 200}, "Ed25519": {oauthtest.Ed448, 401}, "Ed448": {jwa.EdDSA, 401}, "ES256": {jwa.ES256K, 401}, "ES256K": {jwa.ES256, 401},
	} {
		if got := f.present(newHolder(t, tc.key), name); got != tc.status {
			t.Errorf("%s with a key for %s: status %d, want %d", name, tc.key, got, tc.status)
		}
	}
}

// present returns how a token is answered that comes with a proof of that alg.
func (f fixture) present(h holder, alg string) int {
	token := h.token(f)
	return f.Do(withProofs(runtimetest.Request{}, token, h.proof(token, nil, oauthtest.Header("alg", alg)))).Status
}

func TestAProofIsUsedOnce(t *testing.T) {
	f, h := startDPoP(t, config.DPoPOptional), newHolder(t, jwa.ES256)
	token := h.token(f)
	replayed := answer{401, map[string]string{"bearer": "", "dpop": "invalid_dpop_proof"}}
	first, second := h.proof(token, nil), h.proof(token, nil)
	if resp := f.Do(withProofs(runtimetest.Request{}, token, first)); resp.Status != http.StatusOK {
		t.Fatalf("the first time: status %d, want 200: %s", resp.Status, f.Logs())
	}
	if got := answerOf(f.Do(withProofs(runtimetest.Request{}, token, first))); !cmp.Equal(got, replayed) {
		t.Errorf("the second time: %v, want %v", got, replayed)
	}
	// The jti is what counts, not the bytes.
	again := h.proof(token, oauthtest.Claims{"jti": jti(t, first), "iat": time.Now().Add(-time.Second)})
	if got := answerOf(f.Do(withProofs(runtimetest.Request{}, token, again))); !cmp.Equal(got, replayed) {
		t.Errorf("another proof of the same jti: %v, want %v", got, replayed)
	}
	if resp := f.Do(withProofs(runtimetest.Request{}, token, second)); resp.Status != http.StatusOK {
		t.Errorf("another jti: status %d, want 200", resp.Status)
	}
	// One client cannot use up the jti of another.
	other := newHolder(t, jwa.ES256)
	theirs := other.token(f)
	if resp := f.Do(withProofs(runtimetest.Request{}, theirs, other.proof(theirs, oauthtest.Claims{"jti": jti(t, first)}))); resp.Status != http.StatusOK {
		t.Errorf("the same jti by another key: status %d, want 200", resp.Status)
	}
	// A new configuration forgets nothing.
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Title, c.Tokens.DPoP = "Another", config.DPoPRequired
	f.Replace(c)
	if got := answerOf(f.Do(withProofs(runtimetest.Request{}, token, first))).Status; got != http.StatusUnauthorized {
		t.Errorf("after a change of the configuration: status %d, want 401", got)
	}
	if !strings.Contains(f.Logs(), `"reason":"proof_replayed"`) {
		t.Error("the audit does not tell of a replay")
	}
}

func TestOfRequestsAtOnceOneUsesTheProof(t *testing.T) {
	f, h := startDPoP(t, config.DPoPRequired), newHolder(t, jwa.ES256)
	token := h.token(f)
	proof := h.proof(token, nil)
	// The client may dial once too often, and a server that stops waits for a
	// connection without a request.
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	var accepted, refused atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			switch f.Do(withProofs(runtimetest.Request{}, token, proof)).Status {
			case http.StatusOK:
				accepted.Add(1)
			case http.StatusUnauthorized:
				refused.Add(1)
			}
		})
	}
	group.Wait()
	if accepted.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d accepted and %d refused, want 1 and 19", accepted.Load(), refused.Load())
	}
}

func TestARequestBeyondTheRateLeavesItsProofUnused(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Tokens.DPoP = config.DPoPRequired
		c.RateLimit = &config.RateLimit{Requests: 2, PeriodSeconds: 3600}
	})
	h := newHolder(t, jwa.ES256)
	token := h.token(f)
	use := func(proof string) int { return f.Do(withProofs(runtimetest.Request{}, token, proof)).Status }
	first, second, refused := h.proof(token, nil), h.proof(token, nil), h.proof(token, nil)
	if got := use(first); got != http.StatusOK {
		t.Fatalf("the first request: status %d, want 200", got)
	}
	for range 3 {
		if got := use(first); got != http.StatusUnauthorized {
			t.Errorf("a replay: status %d, want 401", got)
		}
	}
	if got := use(second); got != http.StatusOK {
		t.Errorf("the second request: status %d, want 200: who replays a proof must not spend the limit of its owner", got)
	}
	if got := use(refused); got != http.StatusTooManyRequests {
		t.Fatalf("beyond the limit: status %d, want 429", got)
	}
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Tokens.DPoP = config.DPoPRequired
	f.Replace(c)
	if once, twice := use(refused), use(refused); once != http.StatusOK || twice != http.StatusUnauthorized {
		t.Errorf("the proof of the request that was beyond the limit: status %d, then %d; want 200, then 401", once, twice)
	}
}

func jti(t *testing.T, proof string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(proof, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		ID string `json:"jti"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.ID
}

// replicas are two runtimes with one issuer and one store.
func replicas(t *testing.T, change func(*config.RuntimeConfig)) (a, b fixture, store *redistest.Server) {
	t.Helper()
	store = redistest.Start(t)
	a = startWith(t, func(c *config.RuntimeConfig) {
		c.RateLimit = &config.RateLimit{Requests: 1_000_000, Redis: &config.Redis{Address: store.Addr}}
		change(c)
	})
	c := runtimetest.Billing(a.issuer.Issuer(), a.api.URL)
	c.RateLimit = &config.RateLimit{Requests: 1_000_000, Redis: &config.Redis{Address: store.Addr}}
	change(c)
	return a, fixture{Runtime: runtimetest.Start(t, c), issuer: a.issuer, api: a.api}, store
}

func (f fixture) metric(line string) bool {
	_, metrics := f.Admin("/metrics")
	return slices.Contains(strings.Split(string(metrics), "\n"), line)
}

func TestAProofIsUsedOnceAmongReplicas(t *testing.T) {
	a, b, store := replicas(t, func(c *config.RuntimeConfig) { c.Tokens.DPoP = config.DPoPRequired })
	h := newHolder(t, jwa.ES256)
	token := h.token(a)
	use := func(f fixture, proof string) int { return f.Do(withProofs(runtimetest.Request{}, token, proof)).Status }
	proof := h.proof(token, nil)
	if first, second := use(a, proof), use(b, proof); first != http.StatusOK || second != http.StatusUnauthorized {
		t.Errorf("status %d at one and %d at the other, want 200 and 401", first, second)
	}
	if !b.metric("securedmcp_dpop_replay_shared 1") {
		t.Error("the metric does not say that the memory is shared")
	}
	store.Stop()
	fresh := h.proof(token, nil)
	if first, second := use(a, fresh), use(a, fresh); first != http.StatusOK || second != http.StatusUnauthorized {
		t.Errorf("without the store: status %d, then %d; want 200, then 401 from its own memory", first, second)
	}
	if got := use(a, proof); got != http.StatusUnauthorized {
		t.Errorf("a proof from before the outage: status %d, want 401", got)
	}
	if !a.metric("securedmcp_dpop_replay_shared 0") || !strings.Contains(a.Logs(), "remembers DPoP proofs on its own") {
		t.Error("neither metric nor log says that the memory is not shared")
	}
	store.Restart()
	runtimetest.Eventually(t, "the store to be used again", func() bool {
		return use(a, h.proof(token, nil)) == http.StatusOK && a.metric("securedmcp_dpop_replay_shared 1")
	}, a.Logs)
	proof = h.proof(token, nil)
	if first, second := use(a, proof), use(b, proof); first != http.StatusOK || second != http.StatusUnauthorized {
		t.Errorf("after the outage: status %d at one and %d at the other, want 200 and 401", first, second)
	}
}

func TestNonces(t *testing.T) {
	a, b, store := replicas(t, func(c *config.RuntimeConfig) {
		c.Tokens.DPoP, c.Tokens.DPoPNonce = config.DPoPRequired, config.DPoPNonceRequired
	})
	h := newHolder(t, jwa.ES256)
	token := h.token(a)
	do := func(f fixture, claims oauthtest.Claims) *runtimetest.Response {
		return f.Do(withProofs(runtimetest.Request{}, token, h.proof(token, claims)))
	}
	resp := do(a, nil)
	nonce := resp.Header.Get("DPoP-Nonce")
	if want := (answer{401, map[string]string{"dpop": "use_dpop_nonce"}}); !cmp.Equal(answerOf(resp), want) || nonce == "" {
		t.Fatalf("without a nonce: %v, DPoP-Nonce %q; want %v and one", answerOf(resp), nonce, want)
	}
	// Every five minutes, which may be now, there is another nonce.
	newest := func() string { return a.Do(runtimetest.Request{}).Header.Get("DPoP-Nonce") }
	for name, f := range map[string]fixture{"the replica that made it": a, "the other replica": b} {
		if resp := do(f, oauthtest.Claims{"nonce": nonce}); resp.Status != http.StatusOK || resp.Header.Get("DPoP-Nonce") != "" && newest() == nonce {
			t.Errorf("%s: status %d, DPoP-Nonce %q; want 200 and no other", name, resp.Status, resp.Header.Get("DPoP-Nonce"))
		}
	}
	for name, wrong := range map[string]any{"made up": "AAAA", "changed": "B" + nonce[1:], "longer": nonce + "A", "empty": ""} {
		if resp := do(a, oauthtest.Claims{"nonce": wrong}); answerOf(resp).Errors["dpop"] != "use_dpop_nonce" || resp.Header.Get("DPoP-Nonce") != nonce && resp.Header.Get("DPoP-Nonce") != newest() {
			t.Errorf("a nonce that is %s: %v, DPoP-Nonce %q", name, answerOf(resp), resp.Header.Get("DPoP-Nonce"))
		}
	}
	if resp := do(a, oauthtest.Claims{"nonce": 1}); answerOf(resp).Errors["dpop"] != "invalid_dpop_proof" {
		t.Errorf("a nonce that is a number: %v", answerOf(resp))
	}
	if got := newest(); got != nonce && do(b, oauthtest.Claims{"nonce": got}).Status != http.StatusOK {
		t.Errorf("a stranger got DPoP-Nonce %q, want %q or one that is good too", got, nonce)
	}
	store.Stop()
	c := runtimetest.Billing(a.issuer.Issuer(), a.api.URL)
	c.Title, c.Tokens.DPoP, c.Tokens.DPoPNonce = "Another", config.DPoPRequired, config.DPoPNonceRequired
	c.RateLimit = &config.RateLimit{Requests: 1_000_000, Redis: &config.Redis{Address: store.Addr}}
	a.Replace(c)
	if resp := do(a, oauthtest.Claims{"nonce": nonce}); resp.Status != http.StatusOK {
		t.Errorf("while the store is away, after a change of the configuration: status %d, want 200", resp.Status)
	}
}

func TestChallengesAfterTheDoorAreOfTheSchemeThatWasUsed(t *testing.T) {
	f, h := startDPoP(t, config.DPoPOptional), newHolder(t, jwa.ES256)
	bound, plain := h.token(f), f.token("invoices:read")
	call := runtimetest.Call("", "void_invoice", map[string]any{"invoiceId": "INV-1"})
	want := map[string]string{
		"error": "insufficient_scope", "error_description": "The request needs more scope than the access token has",
		"scope": "invoices:read invoices:write", "resource_metadata": metadataURL,
	}
	if diff := cmp.Diff(map[string]map[string]string{"bearer": want}, f.void(plain).Challenges()); diff != "" {
		t.Errorf("Bearer (-want +got):\n%s", diff)
	}
	want["algs"] = allAlgorithms
	resp := f.Do(withProofs(call, bound, h.proof(bound, nil)))
	if diff := cmp.Diff(map[string]map[string]string{"dpop": want}, resp.Challenges()); diff != "" || resp.Status != http.StatusForbidden {
		t.Errorf("DPoP: status %d (-want +got):\n%s", resp.Status, diff)
	}
}

func TestMalformedRequestsAreAnsweredToTheirScheme(t *testing.T) {
	for mode, want := range map[string]map[string]string{
		config.DPoPOptional: {"bearer": "", "dpop": "invalid_request"},
		config.DPoPRequired: {"dpop": "invalid_request"},
	} {
		f := startDPoP(t, mode)
		resp := f.Do(runtimetest.Request{Header: map[string][]string{"Authorization": {"DPoP"}}})
		if got := answerOf(resp); !cmp.Equal(got, answer{400, want}) {
			t.Errorf("%s, a scheme alone: %v, want 400 %v", mode, got, want)
		}
		resp = f.Do(runtimetest.Request{Header: map[string][]string{"Authorization": {"DPoP a", "Bearer a"}}})
		if resp.Status != http.StatusBadRequest {
			t.Errorf("%s, two headers: status %d, want 400", mode, resp.Status)
		}
	}
}

func TestOpaqueTokensThatAreBound(t *testing.T) {
	f := startOpaque(t, func(c *config.RuntimeConfig) { c.Tokens.DPoP = config.DPoPOptional })
	h := newHolder(t, jwa.ES256)
	token := h.token(f)
	proof := h.proof(token, nil)
	for _, step := range []struct {
		name    string
		request runtimetest.Request
		status  int
	}{
		{"with a proof", withProofs(runtimetest.Request{}, token, proof), 200},
		{"with the same proof", withProofs(runtimetest.Request{}, token, proof), 401},
		{"with another proof", withProofs(runtimetest.Request{}, token, h.proof(token, nil)), 200},
		{"without a proof", withProofs(runtimetest.Request{}, token), 401},
		{"as a bearer token", runtimetest.Request{Token: token}, 401},
	} {
		if resp := f.Do(step.request); resp.Status != step.status {
			t.Errorf("%s: status %d, want %d", step.name, resp.Status, step.status)
		}
	}
	if got := f.asked(); got != 1 {
		t.Errorf("the issuer was asked %d times, want once", got)
	}
}

func TestMetadataAdvertisesDPoP(t *testing.T) {
	algorithms := make([]any, 0, 10)
	for _, name := range config.AllAlgorithms() {
		algorithms = append(algorithms, name)
	}
	for mode, want := range map[string]map[string]any{
		config.DPoPDisabled: {"bearer_methods_supported": []any{"header"}},
		config.DPoPOptional: {"bearer_methods_supported": []any{"header"}, "dpop_signing_alg_values_supported": algorithms},
		config.DPoPRequired: {"dpop_signing_alg_values_supported": algorithms, "dpop_bound_access_tokens_required": true},
	} {
		f := startDPoP(t, mode)
		got := f.Do(runtimetest.Request{HTTPMethod: http.MethodGet, URL: metadataURL}).JSON()
		maps.DeleteFunc(got, func(name string, _ any) bool {
			return !strings.HasPrefix(name, "dpop_") && name != "bearer_methods_supported"
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
	}
}

func TestProofsAreNeitherLoggedNorPassedOn(t *testing.T) {
	f, h := startDPoP(t, config.DPoPRequired), newHolder(t, jwa.ES256)
	token := h.token(f)
	good, bad := h.proof(token, nil), h.proof(token, oauthtest.Claims{"htu": "https://secret.example.com"})
	call := runtimetest.Call("", "lookup_invoice", map[string]any{"invoiceId": "INV-1"})
	for _, proof := range []string{good, good, bad} {
		f.Do(withProofs(call, token, proof))
	}
	if requests := f.api.Requests(); len(requests) != 1 || requests[0].Header["Dpop"] != nil || requests[0].Header["Authorization"] != nil {
		t.Errorf("the upstream got %v", requests)
	}
	_, metrics := f.Admin("/metrics")
	for what, text := range map[string]string{"log": f.Logs(), "metrics": string(metrics)} {
		for _, secret := range []string{token, good, bad, jti(t, good), "secret.example.com", h.key.Thumbprint()} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds %q", what, secret)
			}
		}
	}
}

// What the token endpoint of an authorization server binds is accepted here.
func TestATokenFromTheTokenEndpoint(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Tokens.DPoP = config.DPoPRequired },
		oauthtest.WithClient(oauthtest.Client{ID: "robot", Secret: "s3cret"}))
	h := newHolder(t, jwa.EdDSA)
	token := f.askForToken(t, h, "robot", "s3cret")
	if resp := f.Do(withProofs(runtimetest.Request{}, token, h.proof(token, nil))); resp.Status != http.StatusOK {
		t.Errorf("status %d, want 200: %s", resp.Status, f.Logs())
	}
}

func (f fixture) askForToken(t *testing.T, h holder, client, secret string) string {
	t.Helper()
	endpoint := f.issuer.Issuer() + "/token"
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"invoices:read"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := h.key.Proof(http.MethodPost, endpoint, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("DPoP", proof)
	req.SetBasicAuth(client, secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var issued struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&issued); err != nil || issued.Type != "DPoP" {
		t.Fatalf("status %d, token_type %q, error %v; want DPoP", resp.StatusCode, issued.Type, err)
	}
	return issued.Token
}
