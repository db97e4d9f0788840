package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// startOpaque starts the billing server for opaque tokens.
func startOpaque(t *testing.T, change func(*config.RuntimeConfig)) fixture {
	t.Helper()
	secret := writeTemp(t, []byte("s3cr3t/+ ü\n"))
	return startWith(t, func(c *config.RuntimeConfig) {
		c.Tokens = config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{ClientID: "mcp runtime", ClientSecretFile: secret}}
		change(c)
	}, oauthtest.WithClient(oauthtest.Client{ID: "mcp runtime", Secret: "s3cr3t/+ ü"}))
}

func (f fixture) asked() int { return f.issuer.Count(oauthtest.EndpointIntrospect) }

func TestOpaqueTokens(t *testing.T) {
	for _, auth := range []string{config.AuthBasic, config.AuthPost} {
		t.Run(auth, func(t *testing.T) {
			f := startOpaque(t, func(c *config.RuntimeConfig) { c.Tokens.Introspection.ClientAuth = auth })
			reader := f.token("invoices:read")
			for range 3 {
				if got := f.status(reader); got != http.StatusOK {
					t.Fatalf("status %d, want 200: %s", got, f.Logs())
				}
			}
			if got := f.asked(); got != 1 {
				t.Errorf("the issuer was asked %d times, want once", got)
			}
			if resp := f.void(reader); resp.Status != http.StatusForbidden {
				t.Errorf("without the scope: status %d, want 403", resp.Status)
			}
			if got := f.status("never-issued"); got != http.StatusUnauthorized {
				t.Errorf("an unknown token: status %d, want 401", got)
			}
			if strings.Contains(f.Logs(), "s3cr3t") || strings.Contains(f.Logs(), reader) {
				t.Error("the log holds a secret")
			}
		})
	}
}

func TestOpaqueTokensAreJudgedLikeOthers(t *testing.T) {
	f := startOpaque(t, func(*config.RuntimeConfig) {})
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"a good answer":             {`{"active":true,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `"}`, 200},
		"no audience":               {`{"active":true,"sub":"u","scope":"invoices:read","exp":4102444800}`, 401},
		"another audience":          {`{"active":true,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"x"}`, 401},
		"another issuer":            {`{"active":true,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `","iss":"https://evil"}`, 401},
		"expired":                   {`{"active":true,"sub":"u","scope":"invoices:read","exp":1,"aud":"` + runtimetest.Resource + `"}`, 401},
		"no expiry":                 {`{"active":true,"sub":"u","scope":"invoices:read","aud":"` + runtimetest.Resource + `"}`, 401},
		"bound to a key":            {`{"active":true,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `","cnf":{}}`, 401},
		"inactive":                  {`{"active":false,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `"}`, 401},
		"active as a string":        {`{"active":"true","sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `"}`, 503},
		"active in another case":    {`{"ACTIVE":true,"sub":"u","scope":"invoices:read","exp":4102444800,"aud":"` + runtimetest.Resource + `"}`, 503},
		"no answer to the question": {`{}`, 503},
		"no JSON":                   {`active`, 503},
	} {
		t.Run(name, func(t *testing.T) {
			f.issuer.SetFault(oauthtest.EndpointIntrospect, oauthtest.Fault{Body: tc.body, Header: http.Header{"Content-Type": {"application/json"}}})
			resp := f.Do(runtimetest.Request{Token: "opaque-" + strings.ReplaceAll(name, " ", "-")})
			if resp.Status != tc.status {
				t.Errorf("status %d, want %d: %s", resp.Status, tc.status, f.Logs())
			}
			if retry := resp.Header.Get("Retry-After"); (retry != "") != (tc.status == 503) {
				t.Errorf("Retry-After %q with status %d", retry, resp.Status)
			}
		})
	}
}

func TestNobodyIsLetInWhileTheIssuerDoesNotAnswer(t *testing.T) {
	f := startOpaque(t, func(*config.RuntimeConfig) {})
	token := f.token("invoices:read")
	for name, fault := range map[string]oauthtest.Fault{
		"it fails":              {Status: 500},
		"it refuses the client": {Status: 401},
		"it redirects":          {Status: 302, Header: http.Header{"Location": {"/elsewhere"}}},
		"it hangs up":           {Close: true},
		"it answers too much":   {Pad: 1 << 20},
		"it answers HTML":       {Body: `{"active":true}`, Header: http.Header{"Content-Type": {"text/html"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f.issuer.SetFault(oauthtest.EndpointIntrospect, fault)
			if got := f.status(token); got != http.StatusServiceUnavailable {
				t.Errorf("status %d, want 503", got)
			}
		})
	}
	f.issuer.ClearFault(oauthtest.EndpointIntrospect)
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("after the outage: status %d, want 200", got)
	}
}

// Anybody can ask with a token of their making and leave: that is no outage.
func TestWhoLeavesBeforeTheIssuerHasAnsweredIsNoFailure(t *testing.T) {
	f := startOpaque(t, func(*config.RuntimeConfig) {})
	release := make(chan struct{})
	defer close(release)
	f.issuer.SetFault(oauthtest.EndpointIntrospect, oauthtest.Fault{Until: release})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		for f.asked() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		leave()
	}()
	req := f.NewRequest(runtimetest.Request{Token: "garbage"}).WithContext(ctx)
	req.Body, req.ContentLength = nil, 0 // by HTTP/1.1 it is not seen who leaves before the body is read
	resp, err := f.HTTP.Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("status %d; want none", resp.StatusCode)
	}
	runtimetest.Eventually(t, "the request to be counted", func() bool {
		return f.metric(`securedmcp_requests_total{outcome="invalid",reason="caller_left"} 1`) ||
			f.metric(`securedmcp_requests_total{outcome="failed",reason="unavailable"} 1`)
	}, f.Logs)
	if f.metric(`securedmcp_requests_total{outcome="failed",reason="unavailable"} 1`) {
		t.Error("the request is counted as one that failed")
	}
}

func TestOneQuestionIsOpenForAToken(t *testing.T) {
	f := startOpaque(t, func(*config.RuntimeConfig) {})
	release := make(chan struct{})
	f.issuer.SetFault(oauthtest.EndpointIntrospect, oauthtest.Fault{Until: release})
	token := f.token("invoices:read")
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if got := f.status(token); got != http.StatusOK {
				t.Errorf("status %d, want 200", got)
			}
		})
	}
	runtimetest.Eventually(t, "the question", func() bool { return f.asked() > 0 }, f.Logs)
	close(release)
	group.Wait()
	// Those that came after the answer found it remembered.
	if got := f.asked(); got != 1 {
		t.Errorf("the issuer was asked %d times, want once", got)
	}
}

func TestUnknownTokensAreRememberedForAMoment(t *testing.T) {
	f := startOpaque(t, func(*config.RuntimeConfig) {})
	for range 10 {
		if got := f.status("never-issued"); got != http.StatusUnauthorized {
			t.Fatalf("status %d, want 401", got)
		}
	}
	if got := f.asked(); got != 1 {
		t.Errorf("the issuer was asked %d times, want once", got)
	}
}

func TestARevokedOpaqueTokenEndsWithTheCache(t *testing.T) {
	f := startOpaque(t, func(c *config.RuntimeConfig) { c.Tokens.Introspection.CacheSeconds = 1 })
	token := f.token("invoices:read")
	if got := f.status(token); got != http.StatusOK {
		t.Fatalf("status %d, want 200", got)
	}
	f.issuer.Revoke(token)
	// An answer is believed for 30 s unless the configuration says otherwise.
	limit := time.Now().Add(20 * time.Second)
	for f.status(token) != http.StatusUnauthorized {
		if time.Now().After(limit) {
			t.Fatal("the token is still accepted")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// from is a request that came by way of a proxy from the address.
func from(address, token string) runtimetest.Request {
	return runtimetest.Request{Token: token, Header: map[string][]string{"X-Forwarded-For": {address}}}
}

func TestStrangersWhoWaitForTheIssuerKeepNobodyOut(t *testing.T) {
	f := startOpaque(t, func(c *config.RuntimeConfig) { c.Limits.ConcurrentRequests = 2 })
	known := f.token("invoices:read")
	if got := f.status(known); got != http.StatusOK {
		t.Fatalf("status %d, want 200: %s", got, f.Logs())
	}
	release := make(chan struct{})
	f.issuer.SetFault(oauthtest.EndpointIntrospect, oauthtest.Fault{Until: release})
	var strangers sync.WaitGroup
	for i := range 2 {
		address := fmt.Sprintf("192.0.2.%d", i)
		strangers.Go(func() {
			if got := f.Do(from(address, "garbage-of-"+address)).Status; got != http.StatusUnauthorized {
				t.Errorf("a stranger that waited: status %d, want 401", got)
			}
		})
	}
	runtimetest.Eventually(t, "the questions", func() bool { return f.asked() == 3 }, f.Logs)
	// As many wait as may: neither of the two places is theirs.
	for range 3 {
		if got := f.status(known); got != http.StatusOK {
			t.Errorf("a known caller while strangers wait: status %d, want 200", got)
		}
	}
	resp := f.Do(from("192.0.2.9", "garbage-too-many"))
	if resp.Status != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one stranger too many: status %d, Retry-After %q; want 503", resp.Status, resp.Header.Get("Retry-After"))
	}
	close(release)
	strangers.Wait()
}

func TestStrangersWhoWaitForKeysKeepNobodyOut(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Limits.ConcurrentRequests = 2 })
	known := f.token("invoices:read")
	if got := f.status(known); got != http.StatusOK {
		t.Fatalf("status %d, want 200: %s", got, f.Logs())
	}
	release := make(chan struct{})
	f.issuer.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Until: release})
	key, err := oauthtest.NewKey(jwa.ES256)
	must(t, err)
	stranger := f.issuer.Token(nil, oauthtest.SignedWith(key))
	waited := make(chan int)
	go func() { waited <- f.Do(from("192.0.2.1", stranger)).Status }()
	runtimetest.Eventually(t, "the fetch", func() bool { return f.issuer.Count(oauthtest.EndpointJWKS) == 2 }, f.Logs)
	go func() { waited <- f.Do(from("192.0.2.2", stranger)).Status }()
	for range 3 {
		if got := f.status(known); got != http.StatusOK {
			t.Errorf("a known caller while strangers wait: status %d, want 200", got)
		}
	}
	close(release)
	for range 2 {
		if got := <-waited; got != http.StatusUnauthorized {
			t.Errorf("a stranger that waited: status %d, want 401", got)
		}
	}
}
