package authn

import (
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/test/oauthtest"
)

const keysAudience = "https://mcp.example.com"

// startKeys fetches the keys of an issuer, which are refreshed as often as said.
func startKeys(t *testing.T, refresh time.Duration) (*oauthtest.Server, *Keys) {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(keysAudience))
	client, err := NewClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := NewKeys(t.Context(), KeysConfig{Issuer: issuer.Issuer(), Client: client, Refresh: refresh, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	return issuer, keys
}

func newTestVerifier(t *testing.T, issuer *oauthtest.Server, keys *Keys) *Verifier {
	t.Helper()
	c := &config.RuntimeConfig{Issuer: issuer.Issuer(), Audience: keysAudience}
	p, err := policy.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return NewVerifier(VerifierConfig{Runtime: c, Policy: p, Keys: keys})
}

// reasonFor is why the token is refused, "" if it is not.
func reasonFor(t *testing.T, v *Verifier, token string) Reason {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if refusal, ok := err.(*Error); ok { //nolint:errorlint // never wrapped
		return refusal.Reason
	}
	return ""
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func outOfReach(issuer *oauthtest.Server, endpoints ...oauthtest.Endpoint) {
	for _, endpoint := range endpoints {
		issuer.SetFault(endpoint, oauthtest.Fault{Status: http.StatusServiceUnavailable})
	}
}

var metadataEndpoints = []oauthtest.Endpoint{oauthtest.EndpointOAuthMetadata, oauthtest.EndpointOpenIDMetadata}

func TestARefreshTakesARemovedKeyWithAllThatItVerified(t *testing.T) {
	issuer, keys := startKeys(t, 10*time.Millisecond)
	v, token := newTestVerifier(t, issuer, keys), issuer.Token(nil)
	if reason := reasonFor(t, v, token); reason != "" {
		t.Fatalf("a good token: refused for %s", reason)
	}
	removed := issuer.SigningKey()
	issuer.Rotate(jwa.ES256)
	issuer.Unpublish(removed)
	// No token of another key comes, which would have the keys fetched anew.
	wait(t, "the refresh", func() bool { return reasonFor(t, v, token) == UnknownKey })
}

func TestAnOutageOfTheMetadataDoesNotStopRotation(t *testing.T) {
	for name, refresh := range map[string]time.Duration{"by a refresh": 10 * time.Millisecond, "by a token": time.Hour} {
		t.Run(name, func(t *testing.T) {
			issuer, keys := startKeys(t, refresh)
			v := newTestVerifier(t, issuer, keys)
			outOfReach(issuer, metadataEndpoints...)
			asked := issuer.Count(metadataEndpoints[1])
			if refresh < time.Hour {
				wait(t, "a refresh without metadata", func() bool { return issuer.Count(metadataEndpoints[1]) > asked+1 })
			}
			removed, old := issuer.SigningKey(), issuer.Token(nil)
			issuer.Rotate(jwa.ES256)
			issuer.Unpublish(removed)
			if refresh < time.Hour {
				wait(t, "the removal", func() bool { return reasonFor(t, v, old) == UnknownKey })
			}
			if reason := reasonFor(t, v, issuer.Token(nil)); reason != "" {
				t.Errorf("a token of the new key: refused for %s", reason)
			}
			if reason := reasonFor(t, v, old); reason != UnknownKey {
				t.Errorf("a token of the removed key: %q, want %s", reason, UnknownKey)
			}
		})
	}
}

func TestKeysThatAreTooOldAreFetchedForWhoeverNeedsThem(t *testing.T) {
	issuer, keys := startKeys(t, time.Hour)
	v, token := newTestVerifier(t, issuer, keys), issuer.Token(nil)
	old := time.Now().Add(-2 * config.DefaultStaleKeysSeconds * time.Second).UnixNano()
	keys.fetched.Store(old)
	outOfReach(issuer, oauthtest.EndpointJWKS)
	before := issuer.Count(oauthtest.EndpointJWKS)
	for range 20 {
		if reason := reasonFor(t, v, token); reason != Unavailable {
			t.Fatalf("while the issuer is away: %q, want %s", reason, Unavailable)
		}
	}
	if asked := issuer.Count(oauthtest.EndpointJWKS) - before; asked == 0 || asked > refetchBurst+1 {
		t.Errorf("20 requests caused %d fetches, want 1 to %d", asked, refetchBurst+1)
	}

	issuer, keys = startKeys(t, time.Hour)
	v, token = newTestVerifier(t, issuer, keys), issuer.Token(nil)
	keys.fetched.Store(old)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if reason := reasonFor(t, v, token); reason != "" {
				t.Errorf("after the outage: refused for %s", reason)
			}
		})
	}
	group.Wait()
}

func TestConfigurationsThatShareKeysDifferInHowLongTheyBelieveThem(t *testing.T) {
	issuer, keys := startKeys(t, time.Hour)
	strict, lax, token := newTestVerifier(t, issuer, keys), newTestVerifier(t, issuer, keys), issuer.Token(nil)
	strict.stale = config.MinStaleKeysSeconds * time.Second
	keys.fetched.Store(time.Now().Add(-2 * strict.stale).UnixNano())
	outOfReach(issuer, oauthtest.EndpointJWKS)
	if reason := reasonFor(t, strict, token); reason != Unavailable {
		t.Errorf("by the shorter bound: %q, want %s", reason, Unavailable)
	}
	if reason := reasonFor(t, lax, token); reason != "" {
		t.Errorf("by the longer one: refused for %s", reason)
	}
}
