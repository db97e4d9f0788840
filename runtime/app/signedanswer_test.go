package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// startSigned starts the billing server with an issuer that signs its answers
// (RFC 9701).
func startSigned(t *testing.T, algorithms ...string) fixture {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource), oauthtest.WithClient(oauthtest.Client{ID: "runtime", Secret: "s3cr3t"}))
	issuer.SignAnswers(nil)
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tokens = config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: "runtime", ClientSecretFile: writeTemp(t, []byte("s3cr3t"))}}
	c.Tokens.Algorithms = algorithms
	return fixture{Runtime: runtimetest.Start(t, c), issuer: issuer}
}

func TestSignedAnswersOfListedAlgorithms(t *testing.T) {
	f := startSigned(t, "RS256")
	if got := f.status(f.token("invoices:read")); got != http.StatusServiceUnavailable {
		t.Errorf("ES256: status %d, want 503", got)
	}
	f.issuer.Rotate(jwa.RS256)
	if got := f.status(f.token("invoices:read")); got != http.StatusOK {
		t.Errorf("RS256: status %d, want 200: %s", got, f.Logs())
	}
}

func TestSignedAnswersOfAlgorithmsThatAreAskedFor(t *testing.T) {
	for _, alg := range []jwa.SignatureAlgorithm{jwa.ES256K, oauthtest.Ed448} {
		f := startSigned(t, alg.String())
		f.issuer.Rotate(alg)
		if got := f.status(f.token("invoices:read")); got != http.StatusOK {
			t.Errorf("%s: status %d, want 200: %s", alg, got, f.Logs())
		}
		f = startSigned(t, "RS256")
		f.issuer.Rotate(alg)
		if got := f.status(f.token("invoices:read")); got != http.StatusServiceUnavailable {
			t.Errorf("%s where RS256 is listed: status %d, want 503", alg, got)
		}
	}
}

func TestSignedIntrospectionAnswers(t *testing.T) {
	stranger, err := oauthtest.NewKey(jwa.ES256)
	must(t, err)
	f := startSigned(t)
	for name, tc := range map[string]struct {
		claims  oauthtest.Claims
		options []oauthtest.TokenOption
		status  int
	}{
		"a good one":                        {nil, nil, 200},
		"typ in capitals":                   {nil, []oauthtest.TokenOption{oauthtest.Header("typ", "TOKEN-INTROSPECTION+JWT")}, 200},
		"for several clients":               {oauthtest.Claims{"aud": []string{"other", "runtime"}}, nil, 200},
		"an access token's typ":             {nil, []oauthtest.TokenOption{oauthtest.Header("typ", "at+jwt")}, 503},
		"no typ":                            {nil, []oauthtest.TokenOption{oauthtest.Header("typ", nil)}, 503},
		"another issuer":                    {oauthtest.Claims{"iss": "https://evil.example.com"}, nil, 503},
		"no issuer":                         {oauthtest.Claims{"iss": nil}, nil, 503},
		"another client":                    {oauthtest.Claims{"aud": "other"}, nil, 503},
		"no audience":                       {oauthtest.Claims{"aud": nil}, nil, 503},
		"another key":                       {nil, []oauthtest.TokenOption{oauthtest.SignedWith(stranger)}, 503},
		"another key by the name of a good": {nil, []oauthtest.TokenOption{oauthtest.SignedWith(stranger), oauthtest.Header("kid", f.issuer.SigningKey().ID)}, 503},
		"a spoiled signature":               {nil, []oauthtest.TokenOption{oauthtest.BadSignature()}, 503},
		"no signature":                      {nil, []oauthtest.TokenOption{oauthtest.Unsigned()}, 503},
		"HMAC by the public key":            {nil, []oauthtest.TokenOption{oauthtest.SignedWithHMAC(f.issuer.SigningKey().PublicPEM())}, 503},
		"made long ago":                     {oauthtest.Claims{"iat": time.Now().Add(-10 * time.Minute)}, nil, 503},
		"made in the future":                {oauthtest.Claims{"iat": time.Now().Add(10 * time.Minute)}, nil, 503},
		"made nobody knows when":            {oauthtest.Claims{"iat": nil}, nil, 503},
		"nothing about the token":           {oauthtest.Claims{"token_introspection": nil}, nil, 503},
		"text about the token":              {oauthtest.Claims{"token_introspection": "active"}, nil, 503},
		"active beside and not inside":      {oauthtest.Claims{"active": true, "token_introspection": map[string]any{}}, nil, 503},
		"inactive":                          {oauthtest.Claims{"token_introspection": map[string]any{"active": false}}, nil, 401},
		"a header that is no JSON":          {nil, []oauthtest.TokenOption{oauthtest.RawHeader([]byte("{"))}, 503},
		"a payload that is no JSON":         {nil, []oauthtest.TokenOption{oauthtest.RawPayload([]byte("{"))}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			f.issuer.SignAnswers(tc.claims, tc.options...)
			if got := f.status(f.token("invoices:read")); got != tc.status {
				t.Errorf("status %d, want %d: %s", got, tc.status, f.Logs())
			}
		})
	}
}

func TestAnUnsignedAnswerIsNoAnswerWhereTheIssuerSigns(t *testing.T) {
	f := startSigned(t)
	token := f.token("invoices:read")
	good := `{"active":true,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `"}`
	for name, fault := range map[string]oauthtest.Fault{
		"plain JSON":                   {Body: good, Header: http.Header{"Content-Type": {"application/json"}}},
		"plain JSON by the right name": {Body: good, Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f.issuer.SetFault(oauthtest.EndpointIntrospect, fault)
			if got := f.status(token); got != http.StatusServiceUnavailable {
				t.Errorf("status %d, want 503", got)
			}
		})
	}
	if strings.Contains(f.Logs(), token) {
		t.Error("the log holds the token")
	}
}

func TestSignaturesThatCannotBeVerifiedAreNotAskedFor(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource), oauthtest.WithClient(oauthtest.Client{ID: "runtime", Secret: "s3cr3t"}))
	// ES256K has to be asked for.
	issuer.SetMetadata(map[string]any{"introspection_signing_alg_values_supported": []string{"HS256", "none", "ES256K"}})
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.Tokens = config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: "runtime", ClientSecretFile: writeTemp(t, []byte("s3cr3t"))}}
	r := runtimetest.Start(t, c)
	if got := r.Do(runtimetest.Request{Token: issuer.Token(oauthtest.Claims{"scope": "invoices:read"})}).Status; got != http.StatusOK {
		t.Errorf("status %d, want 200 by a plain answer: %s", got, r.Logs())
	}
}
