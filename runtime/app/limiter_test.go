package app_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/redistest"
	"github.com/securedmcp/operator/test/runtimetest"
)

func TestAChangeThatLeavesTheLimitGivesNothingBack(t *testing.T) {
	limit := func(requests int) *config.RateLimit {
		return &config.RateLimit{Requests: requests, PeriodSeconds: 3600}
	}
	f := startWith(t, func(c *config.RuntimeConfig) { c.RateLimit = limit(1) })
	token := f.token("invoices:read")
	if first, second := f.status(token), f.status(token); first != http.StatusOK || second != http.StatusTooManyRequests {
		t.Fatalf("status %d, then %d; want 200, then 429", first, second)
	}
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.RateLimit, c.Tools = limit(1), c.Tools[:1]
	f.Replace(c)
	if got := f.status(token); got != http.StatusTooManyRequests {
		t.Errorf("after a change of the tools: status %d, want 429", got)
	}
	c.RateLimit = limit(2)
	f.Replace(c)
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("with another limit: status %d, want 200", got)
	}
}

// Refusals by the door are answers like others: each costs an audit line.
func TestACallerWhoLacksScopeIsLimitedToo(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.RateLimit = &config.RateLimit{Requests: 1, PeriodSeconds: 3600} })
	token := f.token("nothing:here")
	if first, second := f.status(token), f.status(token); first != http.StatusForbidden || second != http.StatusTooManyRequests {
		t.Errorf("status %d, then %d; want 403, then 429", first, second)
	}
}

func TestTheMetricsOfTheStoreAreThoseOfTheConfigurationInForce(t *testing.T) {
	server := redistest.Start(t)
	f := start(t)
	want := func(when, rate, proofs string) {
		t.Helper()
		if !f.metric("securedmcp_rate_limit_shared "+rate) || !f.metric("securedmcp_dpop_replay_shared "+proofs) {
			t.Errorf("%s: rate limit and proofs are not said to be shared %s and %s", when, rate, proofs)
		}
	}
	want("without a store", "0", "0")
	title := ""
	replace := func(dpop string, redis *config.Redis) {
		c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
		title += "again "
		c.Title, c.Tokens.DPoP, c.RateLimit = title, dpop, &config.RateLimit{Requests: 1000, Redis: redis}
		f.Replace(c)
	}
	there := &config.Redis{Address: server.Addr}
	replace(config.DPoPOptional, nil)
	want("with a limit of its own", "0", "0")
	replace(config.DPoPDisabled, there)
	want("with a store, before any request", "1", "0")
	replace(config.DPoPOptional, there)
	want("with DPoP too", "1", "1")
	server.Stop()
	replace(config.DPoPOptional, there)
	want("with a store that is away, before any request", "0", "0")
	server.Restart()
	replace(config.DPoPOptional, there)
	want("with the store again", "1", "1")
	replace(config.DPoPOptional, nil)
	want("once the store has left the configuration", "0", "0")
}

// A store that takes a connection and then says nothing for long keeps no request
// waiting.
func TestAStoreThatAnswersLateIsAway(t *testing.T) {
	server := redistest.Start(t)
	late, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { late.Close() })
	go func() {
		for {
			conn, err := late.Accept()
			if err != nil {
				return
			}
			go answerLate(conn, server.Addr)
		}
	}()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	c.RateLimit = &config.RateLimit{Requests: 1000, Redis: &config.Redis{Address: late.Addr().String()}}
	r := runtimetest.Start(t, c, func(o *app.Options) { o.StoreTimeout = app.DefaultStoreTimeout })
	f := fixture{Runtime: r, issuer: issuer}
	if got := f.status(f.token("invoices:read")); got != http.StatusOK || !f.metric("securedmcp_rate_limit_shared 0") {
		t.Errorf("status %d, want 200, and the limit not shared", got)
	}
}

// answerLate has each answer of the store at addr wait for two seconds.
func answerLate(conn net.Conn, addr string) {
	defer conn.Close()
	store, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer store.Close()
	go func() { _, _ = io.Copy(store, conn) }()
	for buffer := make([]byte, 4096); ; {
		n, err := store.Read(buffer)
		if err != nil {
			return
		}
		time.Sleep(2 * time.Second)
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}
