package authn

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/test/oauthtest"
)

type silent struct{}

func (silent) TokenCached()                       {}
func (silent) TokenVerified(time.Duration, error) {}
func (silent) Introspected(time.Duration, error)  {}

// asking is an Opaque of an issuer, whose endpoint is at another server for now.
type asking struct {
	*Opaque

	issuer *oauthtest.Server
	logs   *strings.Builder
	// elsewhere answers questions in place of the issuer; status, where it is not
	// 0, is all that it answers.
	elsewhere *httptest.Server
	status    atomic.Int32
}

func startAsking(t *testing.T, refresh time.Duration) *asking {
	t.Helper()
	a := &asking{issuer: oauthtest.New(t, oauthtest.WithAudience(keysAudience), oauthtest.WithClient(oauthtest.Client{ID: "runtime", Secret: "s3cr3t"})), logs: new(strings.Builder)}
	target, err := url.Parse(a.issuer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	a.elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := int(a.status.Load()); status != 0 {
			w.WriteHeader(status)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(a.elsewhere.Close)
	a.issuer.SetMetadata(map[string]any{"introspection_endpoint": a.elsewhere.URL + "/introspect"})
	client, err := NewClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.RuntimeConfig{Issuer: a.issuer.Issuer(), Audience: keysAudience, Tokens: config.Tokens{
		Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: "runtime", ClientSecretFile: "secret"},
	}}
	p, err := policy.New(c)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(a.logs, nil))
	a.Opaque, err = NewOpaque(t.Context(), OpaqueConfig{
		Runtime: c, Policy: p, Client: client, Credential: []byte("s3cr3t"), Issuers: new(Issuers), Refresh: refresh, Observer: silent{}, Logger: logger,
		Keys: func(ctx context.Context) (*Keys, func(), error) {
			keys, err := NewKeys(ctx, KeysConfig{Issuer: c.Issuer, Client: client, Logger: logger})
			if err != nil {
				return nil, nil, err
			}
			return keys, keys.Close, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// ask has a new token judged.
func (a *asking) ask(t *testing.T) Reason {
	t.Helper()
	_, err := a.Verify(t.Context(), a.issuer.Token(nil))
	if refusal, ok := err.(*Error); ok { //nolint:errorlint // never wrapped
		return refusal.Reason
	}
	return ""
}

// moveBack has the issuer answer questions itself, as its metadata says from now on.
func (a *asking) moveBack() { a.issuer.ResetMetadata() }

func TestAnEndpointThatHasMovedIsFoundWithTheFirstToken(t *testing.T) {
	for name, leave := range map[string]func(*asking){
		"it is not found":  func(a *asking) { a.status.Store(http.StatusNotFound) },
		"it is gone":       func(a *asking) { a.status.Store(http.StatusGone) },
		"nothing is there": func(a *asking) { a.elsewhere.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			a := startAsking(t, time.Hour)
			if reason := a.ask(t); reason != "" {
				t.Fatalf("before: refused for %s", reason)
			}
			leave(a)
			a.moveBack()
			if reason := a.ask(t); reason != "" {
				t.Errorf("after: refused for %s", reason)
			}
		})
	}
}

func TestAnEndpointThatIsGoneIsNotLookedForByEveryToken(t *testing.T) {
	a := startAsking(t, time.Hour)
	a.status.Store(http.StatusNotFound)
	before := a.issuer.Count(oauthtest.EndpointOAuthMetadata)
	for range 20 {
		if reason := a.ask(t); reason != Unavailable {
			t.Fatalf("%q, want %s", reason, Unavailable)
		}
	}
	if asked := a.issuer.Count(oauthtest.EndpointOAuthMetadata) - before; asked == 0 || asked > 3 {
		t.Errorf("20 tokens caused %d discoveries; want one, and one more every %s", asked, refetchEvery)
	}
}

// An outage is no reason to look elsewhere.
func TestAnEndpointThatFailsIsNotLookedFor(t *testing.T) {
	a := startAsking(t, time.Hour)
	a.status.Store(http.StatusBadGateway)
	before := a.issuer.Count(oauthtest.EndpointOAuthMetadata)
	if reason := a.ask(t); reason != Unavailable {
		t.Errorf("%q, want %s", reason, Unavailable)
	}
	if asked := a.issuer.Count(oauthtest.EndpointOAuthMetadata) - before; asked != 0 {
		t.Errorf("it was looked for %d times", asked)
	}
}

func TestAnIssuerThatMovesItsEndpointIsFollowedInTheBackground(t *testing.T) {
	a := startAsking(t, 10*time.Millisecond)
	a.moveBack()
	own := a.issuer.Issuer()
	wait(t, "the endpoint in the new place", func() bool { return strings.HasPrefix(a.askers.current.Load().endpoint, own) })
	a.status.Store(http.StatusBadGateway) // the old place would not do
	if reason := a.ask(t); reason != "" {
		t.Errorf("refused for %s", reason)
	}
}

func TestAnIssuerThatBeginsToSignIsAskedForSignatures(t *testing.T) {
	a := startAsking(t, 10*time.Millisecond)
	if reason := a.ask(t); reason != "" {
		t.Fatalf("before: refused for %s", reason)
	}
	a.issuer.SignAnswers(nil)
	wait(t, "signed answers to be wanted", func() bool { return a.askers.current.Load().keys != nil })
	if reason := a.ask(t); reason != "" {
		t.Errorf("a signed answer: refused for %s", reason)
	}
	a.issuer.SetFault(oauthtest.EndpointIntrospect, oauthtest.Fault{
		Body:   fmt.Sprintf(`{"active":true,"sub":"u","exp":4102444800,"aud":%q}`, keysAudience),
		Header: http.Header{"Content-Type": {"application/json"}},
	})
	if reason := a.ask(t); reason != Unavailable {
		t.Errorf("an answer without a signature: %q, want %s", reason, Unavailable)
	}
}

// Without keys a signature is worth nothing, so the issuer is asked as before.
func TestAnIssuerThatBeginsToSignByKeysOutOfReachIsAskedAsBefore(t *testing.T) {
	a := startAsking(t, 10*time.Millisecond)
	outOfReach(a.issuer, oauthtest.EndpointJWKS)
	a.issuer.SetMetadata(map[string]any{"introspection_signing_alg_values_supported": []string{"ES256"}})
	wait(t, "an attempt to have the keys", func() bool { return a.issuer.Count(oauthtest.EndpointJWKS) > 0 })
	if reason := a.ask(t); reason != "" {
		t.Errorf("refused for %s", reason)
	}
	a.issuer.ClearFault(oauthtest.EndpointJWKS)
	wait(t, "signed answers to be wanted", func() bool { return a.askers.current.Load().keys != nil })
}

func TestAnOutageIsLoggedOnceAndItsEndToo(t *testing.T) {
	a := startAsking(t, time.Hour)
	for range 2 {
		a.status.Store(http.StatusServiceUnavailable)
		for range 5 {
			a.ask(t)
		}
		a.status.Store(0)
		for range 5 {
			a.ask(t)
		}
	}
	logs := a.logs.String()
	if away, again := strings.Count(logs, "does not answer questions"), strings.Count(logs, "questions about tokens again"); away != 2 || again != 2 {
		t.Errorf("two outages are logged %d times, their ends %d times:\n%s", away, again, logs)
	}
}
