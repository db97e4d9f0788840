package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// heldBack is longer than a body may take that counts as one that came at once.
const heldBack = 1500 * time.Millisecond

// holdBack begins a call of void_invoice, does something while the body is not there
// yet, and returns what the answer says.
func (f fixture) holdBack(t *testing.T, token string, meanwhile func()) (status int, retryAfter string) {
	t.Helper()
	req := f.NewRequest(runtimetest.Call(token, "void_invoice", map[string]any{"invoiceId": "INV-1"}))
	body, err := io.ReadAll(req.Body)
	must(t, err)
	conn := f.dial(t)
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n", req.URL.Path, req.URL.Host, len(body))
	must(t, req.Header.Write(conn))
	began := time.Now()
	fmt.Fprintf(conn, "\r\n%s", body[:1])
	runtimetest.Eventually(t, "the header to be judged", func() bool {
		return strings.Contains(metricsOf(f), `securedmcp_token_verifications_total{result="ok"} 1`)
	}, f.Logs)
	meanwhile()
	time.Sleep(time.Until(began.Add(heldBack)))
	_, err = conn.Write(body[1:])
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

// Who holds the body of a request back gets nothing for it.
func TestABodyThatComesLateIsJudgedByWhatHoldsThen(t *testing.T) {
	t.Run("nothing has changed", func(t *testing.T) {
		t.Parallel()
		f := start(t)
		if status, _ := f.holdBack(t, f.token("invoices:write"), func() {}); status != http.StatusOK {
			t.Errorf("status %d, want 200", status)
		}
	})
	t.Run("a text has changed", func(t *testing.T) {
		t.Parallel()
		f := start(t)
		status, _ := f.holdBack(t, f.token("invoices:write"), func() {
			f.change(func(c *config.RuntimeConfig) { c.Title = "Another title" })
		})
		if status != http.StatusOK {
			t.Errorf("status %d, want 200", status)
		}
	})
	for name, change := range map[string]func(*config.RuntimeConfig){
		"the subject is revoked":      func(c *config.RuntimeConfig) { c.Revocation.Subjects = []string{oauthtest.DefaultSubject} },
		"the tool moves to a scope":   func(c *config.RuntimeConfig) { c.Tools[1].Scopes = []string{"invoices:read"} },
		"the audience is another one": func(c *config.RuntimeConfig) { c.Audience = "https://other.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			status, retryAfter := f.holdBack(t, f.token("invoices:write"), func() { f.change(change) })
			if status != http.StatusServiceUnavailable || retryAfter != "1" {
				t.Errorf("status %d, Retry-After %q, want 503 and 1", status, retryAfter)
			}
			f.checkNothingRan(t)
		})
	}
	t.Run("the token expires", func(t *testing.T) {
		t.Parallel()
		f := startWith(t, func(c *config.RuntimeConfig) { zero := 0; c.Tokens.ClockSkewSeconds = &zero })
		expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
		token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:write", "exp": expires})
		status, _ := f.holdBack(t, token, func() { time.Sleep(time.Until(expires)) })
		if status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", status)
		}
		f.checkNothingRan(t)
	})
	t.Run("the key is removed", func(t *testing.T) {
		t.Parallel()
		f := start(t)
		token, key := f.token("invoices:write"), f.issuer.SigningKey()
		status, _ := f.holdBack(t, token, func() {
			f.issuer.Rotate(jwa.ES256)
			f.issuer.Unpublish(key)
			f.status(f.token("invoices:read")) // a token of the new key has the keys fetched
		})
		if status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", status)
		}
		f.checkNothingRan(t)
	})
}

// change puts another configuration in force.
func (f fixture) change(change func(*config.RuntimeConfig)) {
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	change(c)
	f.Replace(c)
}

func (f fixture) checkNothingRan(t *testing.T) {
	t.Helper()
	if n := len(f.api.Requests()); n > 0 {
		t.Errorf("the call ran: %d requests came to the upstream", n)
	}
}
