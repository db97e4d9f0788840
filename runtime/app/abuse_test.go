package app_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// What the SDK runs is the first value of a body. A batch with something behind
// it must not count as one message.
func TestWhatFollowsTheMessageIsRefused(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}}`
	for name, body := range map[string]string{
		"a large batch and a letter": "[" + strings.Repeat(call+",", 99) + call + "]x",
		"a large batch and a batch":  "[" + strings.Repeat(call+",", 99) + call + "][]",
		"a batch that does not end":  "[" + call + "," + call,
		"a message and a message":    call + call,
	} {
		t.Run(name, func(t *testing.T) {
			before := len(f.api.Requests())
			response := f.Do(runtimetest.Request{Token: token, Version: "2025-03-26", Body: body})
			if calls := len(f.api.Requests()) - before; response.Status != http.StatusBadRequest || calls != 0 {
				t.Errorf("status %d and %d calls of the upstream, want 400 and none", response.Status, calls)
			}
		})
	}
}

// What reads a body before us must not read another one.
func TestABodyIsWhatItSaysAndIsReadInOneWay(t *testing.T) {
	f := start(t)
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup_invoice","arguments":{"invoiceId":"1"}}}`
	inUTF16 := func(s string) string {
		var b []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, unit)
		}
		return string(b)
	}
	for name, tc := range map[string]struct {
		body   string
		header map[string][]string
		status int
		calls  int
	}{
		"as it should be":                      {call, nil, 200, 1},
		"with the coding that changes nothing": {call, map[string][]string{"Content-Encoding": {"identity"}}, 200, 1},
		"called compressed":                    {call, map[string][]string{"Content-Encoding": {"gzip"}}, 415, 0},
		"coded twice":                          {call, map[string][]string{"Content-Encoding": {"identity", "identity"}}, 415, 0},
		"of two types":                         {call, map[string][]string{"Content-Type": {"application/json", "text/plain"}}, 415, 0},
		"in UTF-8 by its type":                 {call, map[string][]string{"Content-Type": {`application/json; charset="UTF-8"`}}, 200, 1},
		"in another charset by its type":       {call, map[string][]string{"Content-Type": {"application/json; charset=ibm037"}}, 415, 0},
		"in two charsets by its type":          {call, map[string][]string{"Content-Type": {"application/json; charset=utf-8; charset=ibm037"}}, 415, 0},
		"of a type that forms can send":        {call, map[string][]string{"Content-Type": {"text/plain"}}, 415, 0},
		"with a byte order mark":               {"\ufeff" + call, nil, 400, 0},
		"in UTF-16":                            {inUTF16(call), nil, 400, 0},
		"not in UTF-8":                         {strings.Replace(call, `"1"`, "\"\xff\"", 1), nil, 400, 0},
		"with a comma too many":                {strings.Replace(call, `"1"`, `"1",`, 1), nil, 400, 0},
		"that names what it calls in capitals": {strings.Replace(call, `"name"`, `"NAME"`, 1), nil, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(f.api.Requests())
			response := f.Do(runtimetest.Request{Token: f.token("invoices:read"), Version: "2025-06-18", Body: tc.body, Header: tc.header})
			if calls := len(f.api.Requests()) - before; response.Status != tc.status || calls != tc.calls {
				t.Errorf("status %d and %d calls of the upstream, want %d and %d: %s", response.Status, calls, tc.status, tc.calls, response.Body)
			}
		})
	}
}

// The target of a request and its Host name one server, ours.
func TestOddTargets(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	for target, want := range map[string]int{
		"/billing": 200, "/%62illing": 200, "http://mcp.example.com/billing": 200, "http://evil.example.com/billing": 403,
		"//billing": 404, "/billing/": 404, "/billing%2f": 404, "/BILLING": 404, "/./billing": 404, "/x/../billing": 404, "/billing;x": 404, "/billing%00": 404,
		"/billing?access_token=x": 400, "/billing?%61ccess_token=x": 400,
	} {
		if got := f.rawStatus(t, target, "mcp.example.com", token); got != want {
			t.Errorf("%s: status %d, want %d", target, got, want)
		}
	}
	for host, want := range map[string]int{
		"mcp.example.com:443": 200, "MCP.example.com": 200, "mcp.example.com.": 403, "mcp.example.com:8443": 403, "evil.example.com": 403,
		"mcp.example.com@evil.example.com": 400, "evil@mcp.example.com": 400, "mcp.example.com\r\nHost: mcp.example.com": 400,
	} {
		if got := f.rawStatus(t, "/billing", host, token); got != want {
			t.Errorf("Host %q: status %d, want %d", host, got, want)
		}
	}
}

// rawStatus is the status of the answer to a request as no client would write it.
func (f fixture) rawStatus(t *testing.T, target, host, token string) int {
	t.Helper()
	conn, err := net.Dial("tcp", f.Addr().String())
	must(t, err)
	defer conn.Close()
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nMCP-Protocol-Version: 2025-06-18\r\n"+
		"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n%s", target, host, token, len(body), body)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// Who is over the limit is judged before the body, which may take long, and
// takes no place of others while it does.
func TestWhoIsOverTheLimitHoldsNoPlace(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.RateLimit = &config.RateLimit{Requests: 1, PeriodSeconds: 3600}
		c.Limits.ConcurrentRequests = 1
	})
	token := f.token("invoices:read")
	if got := f.status(token); got != http.StatusOK {
		t.Fatalf("status %d, want 200", got)
	}
	conn, err := net.Dial("tcp", f.Addr().String())
	must(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /billing HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", token)
	runtimetest.Eventually(t, "the refusal to be decided", func() bool { return strings.Contains(f.Logs(), "rate_limited") }, f.Logs)
	other := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "other"})
	if got := f.status(other); got != http.StatusOK {
		t.Errorf("status %d for someone else while the body has not come, want 200", got)
	}
}

// An issuer that is down must not keep a revocation from coming into force.
func TestARevocationOfOpaqueTokensNeedsNoIssuer(t *testing.T) {
	var c *config.RuntimeConfig
	f := startOpaque(t, func(given *config.RuntimeConfig) {
		given.Tokens.Introspection.CacheSeconds = 600
		c = given
	})
	mallory := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "sub": "mallory"})
	if got := f.status(mallory); got != http.StatusOK {
		t.Fatalf("status %d, want 200", got)
	}
	for _, endpoint := range []oauthtest.Endpoint{
		oauthtest.EndpointOAuthMetadata, oauthtest.EndpointOAuthMetadataAppended,
		oauthtest.EndpointOpenIDMetadata, oauthtest.EndpointOpenIDMetadataAppended, oauthtest.EndpointIntrospect,
	} {
		f.issuer.SetFault(endpoint, oauthtest.Fault{Status: http.StatusInternalServerError})
	}
	next := *c
	next.Revocation.Subjects = []string{"mallory"}
	raw := mustEncode(t, &next)
	f.ReplaceRaw(raw)
	f.WaitRevision(config.Revision(raw))
	// Not 401: that the token is mallory's is for the issuer to say, again.
	if got := f.status(mallory); got != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", got)
	}
}

// A stream ends when the answer of the issuer that let it in is no longer
// believed, whether it was remembered or had just come.
func TestAStreamEndsWithTheAnswerThatLetItIn(t *testing.T) {
	for _, remembered := range []bool{true, false} {
		t.Run(fmt.Sprintf("remembered %t", remembered), func(t *testing.T) {
			f := startOpaque(t, func(c *config.RuntimeConfig) { c.Tokens.Introspection.CacheSeconds = 1 })
			token := f.token("invoices:read")
			if remembered {
				f.status(token)
			}
			ctx, cancel := context.WithTimeout(t.Context(), runtimetest.WaitLimit)
			defer cancel()
			request := f.NewRequest(runtimetest.Request{Token: token, Method: "subscriptions/listen", Params: map[string]any{
				"notifications": map[string]any{"toolsListChanged": true},
			}})
			response, err := f.HTTP.Do(request.WithContext(ctx))
			must(t, err)
			defer response.Body.Close()
			if _, err := io.Copy(io.Discard, response.Body); response.StatusCode != http.StatusOK || ctx.Err() != nil {
				t.Errorf("status %d, %v; want 200 and an end", response.StatusCode, err)
			}
		})
	}
}

func TestALoginOfTheFutureIsNone(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Authentication = &config.Authentication{MaxAgeSeconds: 60} })
	for ahead, want := range map[time.Duration]int{0: http.StatusOK, time.Hour: http.StatusUnauthorized} {
		token := f.issuer.Token(oauthtest.Claims{"scope": "invoices:read", "auth_time": time.Now().Add(ahead).Unix()})
		if got := f.status(token); got != want {
			t.Errorf("status %d with a login in %s, want %d", got, ahead, want)
		}
	}
}
