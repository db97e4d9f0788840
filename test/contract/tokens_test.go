package contract

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/redistest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// tokenFields are about how tokens are verified.
var tokenFields = map[string]func(*testing.T){
	"tokens.type": func(t *testing.T) {
		jwt := apply(t, patch(t, `tokens: {type: JWT}`))
		if got, asked := jwt.status(jwt.token("")), jwt.issuer.Count(oauthtest.EndpointIntrospect); got != http.StatusOK || asked != 0 {
			t.Errorf("JWT: status %d, the issuer was asked %d times; want 200 without", got, asked)
		}
		opaque := asClient(t, client).apply(t, patch(t, introspection(`clientSecretRef: {name: mcp, key: secret}`)))
		if got, asked := opaque.status(opaque.token("")), opaque.issuer.Count(oauthtest.EndpointIntrospect); got != http.StatusOK || asked != 1 {
			t.Errorf("Opaque: status %d, the issuer was asked %d times; want 200 with one question", got, asked)
		}
	},
	"tokens.jwksURI": func(t *testing.T) {
		keys := oauthtest.New(t)
		s := apply(t, patch(t, `tokens: {jwksURI: "`+keys.URL+`/jwks"}`))
		signed := func(by *oauthtest.Server) string { return s.issuer.Token(nil, oauthtest.SignedWith(by.SigningKey())) }
		if got := s.status(signed(keys)); got != http.StatusOK {
			t.Errorf("a key of that place: status %d, want 200", got)
		}
		if got := s.status(signed(s.issuer)); got != http.StatusUnauthorized {
			t.Errorf("a key of the metadata's place: status %d, want 401", got)
		}
	},
	"tokens.algorithms[]": func(t *testing.T) {
		s := apply(t, patch(t, `tokens: {algorithms: [EdDSA, Ed25519, RS256]}`))
		for algorithm, want := range map[jwa.SignatureAlgorithm]int{jwa.ES256: 401, jwa.EdDSA: 200, jwa.RS256: 200, jwa.PS256: 401} {
			s.issuer.Rotate(algorithm)
			if got := s.status(s.token("")); got != want {
				t.Errorf("%s: status %d, want %d", algorithm, got, want)
			}
		}
		s.issuer.Rotate(jwa.EdDSA)
		if got := s.status(s.issuer.Token(nil, oauthtest.Header("alg", "Ed25519"))); got != http.StatusOK {
			t.Errorf("Ed25519: status %d, want 200", got)
		}
		for spec, asked := range map[string]int{`tokens: {algorithms: [ES256K, Ed448]}`: 200, `tokens: {}`: 401} {
			s := apply(t, patch(t, spec))
			koblitz, edwards := newKey(t, jwa.ES256K), newKey(t, oauthtest.Ed448)
			s.issuer.Publish(koblitz)
			s.issuer.Publish(edwards)
			for _, key := range []*oauthtest.Key{koblitz, edwards} {
				if got := s.status(s.issuer.Token(nil, oauthtest.SignedWith(key))); got != asked {
					t.Errorf("%s with %s: status %d, want %d", key.Algorithm, spec, got, asked)
				}
			}
			if got := s.status(s.issuer.Token(nil, oauthtest.SignedWith(edwards), oauthtest.Header("alg", "EdDSA"))); got == asked {
				t.Errorf("EdDSA with %s and a key of Ed448: status %d", spec, got)
			}
		}
	},
	"tokens.scopeClaims[]": func(t *testing.T) {
		s := apply(t, patch(t, `{tokens: {scopeClaims: [permissions, scp]}, requiredScopes: [invoices:read]}`))
		for name, tc := range map[string]struct {
			claims oauthtest.Claims
			status int
		}{
			"the first":                  {oauthtest.Claims{"permissions": []string{"invoices:read"}}, 200},
			"the second":                 {oauthtest.Claims{"scp": "invoices:read"}, 200},
			"the second, while there is": {oauthtest.Claims{"permissions": []string{}, "scp": "invoices:read"}, 403},
			"none of them":               {oauthtest.Claims{"scope": "invoices:read"}, 403},
		} {
			if got := s.status(s.issuer.Token(tc.claims)); got != tc.status {
				t.Errorf("%s: status %d, want %d", name, got, tc.status)
			}
		}
	},
	"tokens.clockSkewSeconds": func(t *testing.T) {
		expired := oauthtest.Claims{"exp": time.Now().Add(-time.Minute)}
		for skew, want := range map[string]int{"{}": 401, "{clockSkewSeconds: 0}": 401, "{clockSkewSeconds: 300}": 200} {
			s := apply(t, patch(t, `tokens: `+skew))
			if got := s.status(s.issuer.Token(expired)); got != want {
				t.Errorf("a minute after exp with %s: status %d, want %d", skew, got, want)
			}
		}
		s := apply(t, patch(t, `tokens: {clockSkewSeconds: 0}`))
		if got := s.status(s.issuer.Token(oauthtest.Claims{"exp": time.Now().Add(-10 * time.Second)})); got != http.StatusUnauthorized {
			t.Errorf("10 seconds after exp without any: status %d, want 401", got)
		}
	},
	"tokens.staleKeysSeconds": func(t *testing.T) {
		var passed atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		s := cluster{options: func(o *app.Options) { o.Now = now }}.apply(t, patch(t, `tokens: {staleKeysSeconds: 1200}`))
		token := s.token("")
		s.issuer.SetOutage(true)
		for after, want := range map[time.Duration]int{15 * time.Minute: http.StatusOK, 21 * time.Minute: http.StatusServiceUnavailable} {
			passed.Store(int64(after))
			if got := s.status(token); got != want {
				t.Errorf("%s after the last fetch: status %d, want %d", after, got, want)
			}
		}
	},
	"tokens.dpop": func(t *testing.T) {
		key := newKey(t, jwa.ES256)
		for mode, want := range map[string]struct{ bearer, bound int }{
			"Disabled": {200, 401}, "Optional": {200, 200}, "Required": {401, 200},
		} {
			s := apply(t, patch(t, `tokens: {dpop: `+mode+`}`))
			bound := s.issuer.Token(key.Bound())
			if got := s.status(s.token("")); got != want.bearer {
				t.Errorf("%s: a bearer token: status %d, want %d", mode, got, want.bearer)
			}
			if got := s.Do(proven(t, key, bound, nil)).Status; got != want.bound {
				t.Errorf("%s: a bound token with its proof: status %d, want %d", mode, got, want.bound)
			}
			if got := s.status(bound); got != http.StatusUnauthorized {
				t.Errorf("%s: a bound token without proof: status %d, want 401", mode, got)
			}
		}
	},
	"tokens.dpopNonce": func(t *testing.T) {
		key, store := newKey(t, jwa.ES256), redistest.Start(t)
		s := apply(t, patch(t, fmt.Sprintf(`{tokens: {dpop: Required, dpopNonce: Required}, rateLimit: {requests: 1000, redis: {address: %q}}}`, store.Addr)))
		token := s.issuer.Token(key.Bound())
		resp := s.Do(proven(t, key, token, nil))
		nonce := resp.Header.Get("DPoP-Nonce")
		if resp.Status != http.StatusUnauthorized || resp.Challenges()["dpop"]["error"] != "use_dpop_nonce" || nonce == "" {
			t.Fatalf("a proof without nonce: status %d, challenges %v, DPoP-Nonce %q", resp.Status, resp.Challenges(), nonce)
		}
		if got := s.Do(proven(t, key, token, oauthtest.Claims{"nonce": nonce})).Status; got != http.StatusOK {
			t.Errorf("a proof with the nonce: status %d, want 200", got)
		}
	},
	"tokens.introspection.clientID": func(t *testing.T) {
		answers(t, asClient(t, client), map[string]int{
			introspection(`clientSecretRef: {name: mcp, key: secret}`):                                            200,
			`tokens: {type: Opaque, introspection: {clientID: other, clientSecretRef: {name: mcp, key: secret}}}`: 503,
		})
	},
	"tokens.introspection.authMethod": func(t *testing.T) {
		post := client
		post.AuthMethod = "client_secret_post"
		answers(t, asClient(t, post), map[string]int{
			introspection(`authMethod: client_secret_post, clientSecretRef: {name: mcp, key: secret}`): 200,
			introspection(`clientSecretRef: {name: mcp, key: secret}`):                                 503,
		})
	},
	"tokens.introspection.clientSecretRef.name": func(t *testing.T) {
		answers(t, asClient(t, client), map[string]int{
			introspection(`clientSecretRef: {name: mcp, key: secret}`):   200,
			introspection(`clientSecretRef: {name: other, key: secret}`): 503,
		})
	},
	"tokens.introspection.clientSecretRef.key": func(t *testing.T) {
		answers(t, asClient(t, client), map[string]int{
			introspection(`clientSecretRef: {name: mcp, key: secret}`): 200,
			introspection(`clientSecretRef: {name: mcp, key: other}`):  503,
		})
	},
	"tokens.introspection.privateKeyRef.name": privateKey,
	"tokens.introspection.privateKeyRef.key":  privateKey,
	"tokens.introspection.cacheSeconds": func(t *testing.T) {
		revoked := func(cache string) (server, string) {
			s := asClient(t, client).apply(t, patch(t, introspection(`clientSecretRef: {name: mcp, key: secret}, cacheSeconds: `+cache)))
			token := s.token("")
			if got := s.status(token); got != http.StatusOK {
				t.Fatalf("before the revocation: status %d, want 200", got)
			}
			s.issuer.Revoke(token)
			return s, token
		}
		s, token := revoked("1")
		runtimetest.Eventually(t, "the revocation", func() bool { return s.status(token) == http.StatusUnauthorized }, s.Logs)
		if s, token := revoked("600"); s.status(token) != http.StatusOK || s.issuer.Count(oauthtest.EndpointIntrospect) != 1 {
			t.Error("the issuer was asked again at once")
		}
	},
	// The runtime starts, so it trusts the certificate; without the bundle it does
	// not, which its own tests show.
	"tokens.caBundleRef.name": caBundle(`{name: issuer-ca}`, "issuer-ca/ca.crt"),
	"tokens.caBundleRef.key":  caBundle(`{name: issuer-ca, key: root.pem}`, "issuer-ca/root.pem"),
}

// client is known to the issuer, and its secret is in Secret mcp.
var client = oauthtest.Client{ID: "mcp", Secret: "s3cret"}

// introspection is a change to opaque tokens, asked about by client mcp with
// more members of the field.
func introspection(more string) string {
	return `tokens: {type: Opaque, introspection: {clientID: mcp, ` + more + `}}`
}

// asClient is a cluster whose issuer knows c.
func asClient(t *testing.T, c oauthtest.Client) cluster {
	t.Helper()
	return cluster{
		issuer: oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource), oauthtest.WithClient(c)),
		objects: map[string][]byte{
			"mcp/secret": []byte("s3cret\n"), "mcp/other": []byte("wrong"), "other/secret": []byte("wrong"),
		},
	}
}

// answers checks the status of a good token after each change.
func answers(t *testing.T, c cluster, changes map[string]int) {
	t.Helper()
	for change, want := range changes {
		s := c.apply(t, patch(t, change))
		if got := s.status(s.token("")); got != want {
			t.Errorf("%s: status %d, want %d", change, got, want)
		}
	}
}

func privateKey(t *testing.T) {
	key, other := newKey(t, jwa.ES256), newKey(t, jwa.RS256)
	c := asClient(t, oauthtest.Client{ID: "mcp", Key: key})
	c.objects["mcp/key.pem"], c.objects["mcp/old.pem"], c.objects["other/key.pem"] = key.PrivatePEM(), other.PrivatePEM(), other.PrivatePEM()
	answers(t, c, map[string]int{
		introspection(`authMethod: private_key_jwt, privateKeyRef: {name: mcp, key: key.pem}`):   200,
		introspection(`authMethod: private_key_jwt, privateKeyRef: {name: mcp, key: old.pem}`):   503,
		introspection(`authMethod: private_key_jwt, privateKeyRef: {name: other, key: key.pem}`): 503,
	})
}

func caBundle(ref, object string) func(*testing.T) {
	return func(t *testing.T) {
		issuer := oauthtest.New(t, oauthtest.WithTLS(), oauthtest.WithAudience(runtimetest.Resource))
		c := cluster{issuer: issuer, objects: map[string][]byte{object: issuer.CAPEM()}}
		s := c.apply(t, patch(t, `tokens: {caBundleRef: `+ref+`}`))
		if got := s.status(s.token("")); got != http.StatusOK {
			t.Errorf("status %d, want 200", got)
		}
	}
}

func newKey(t *testing.T, algorithm jwa.SignatureAlgorithm) *oauthtest.Key {
	t.Helper()
	key, err := oauthtest.NewKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// proven is a request with a token and a proof of its key.
func proven(t *testing.T, key *oauthtest.Key, token string, claims oauthtest.Claims) runtimetest.Request {
	t.Helper()
	proof, err := key.Proof(http.MethodPost, runtimetest.Resource, token, claims)
	if err != nil {
		t.Fatal(err)
	}
	return runtimetest.Request{Header: map[string][]string{"Authorization": {"DPoP " + token}, "DPoP": {proof}}}
}
