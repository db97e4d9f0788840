package app_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

func TestRequestAndResponseBytes(t *testing.T) {
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(strings.Repeat("a", 2000)))
	})
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Limits = config.Limits{RequestBytes: 1000, ResponseBytes: 1000}
		c.Upstreams[0].HTTP.URL = api.URL
	})
	token := f.token("invoices:read")
	resp := f.Do(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": strings.Repeat("a", 1000)}))
	if resp.Status != http.StatusRequestEntityTooLarge || len(api.Requests()) != 0 {
		t.Errorf("a long request: status %d, want 413", resp.Status)
	}
	if text, isError := f.lookup(token).Text(); !isError || text != "the upstream's answer is larger than is allowed" {
		t.Errorf("a long answer: %.80q", text)
	}
}

// The SDK has a limit of its own, 4 MiB, which is not that of the configuration.
func TestARequestMayBeAsLargeAsTheLimitSays(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.Limits.RequestBytes = 6 << 20 })
	token := f.token("invoices:write")
	for size, status := range map[int]int{5 << 20: http.StatusOK, 6 << 20: http.StatusRequestEntityTooLarge} {
		resp := f.Do(runtimetest.Call(token, "void_invoice", map[string]any{"invoiceId": "1", "reason": strings.Repeat("a", size)}))
		if resp.Status != status {
			t.Errorf("%d bytes: status %d, want %d: %.80s", size, resp.Status, status, resp.Body)
		}
	}
}

func TestWhatIsWrongWithArgumentsIsSaidInShort(t *testing.T) {
	kinds := make([]string, 50)
	for i := range kinds {
		kinds[i] = fmt.Sprintf(`{"const":"kind-%d"}`, i)
	}
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Tools[0].InputSchema = json.RawMessage(`{"type":"object","properties":{"invoiceId":{"type":"string","anyOf":[` + strings.Join(kinds, ",") + `]}},"required":["invoiceId"]}`)
	})
	resp := f.Do(runtimetest.Call(f.token("invoices:read"), "lookup_invoice", map[string]any{"invoiceId": strings.Repeat("a", 100_000)}))
	if text, isError := resp.Text(); !isError || !strings.HasPrefix(text, "arguments: ") || len(resp.Body) > 10_000 {
		t.Errorf("%d bytes: %.80s", len(resp.Body), resp.Body)
	}
}

func TestRequestsBeyondTheLimitAreToldToComeBack(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	api := runtimetest.NewAPI(t, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	})
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Limits.ConcurrentRequests = 1
		c.Upstreams[0].HTTP.URL = api.URL
	})
	token, done := f.token("invoices:read"), make(chan int)
	go func() { done <- f.lookup(token).Status }()
	<-entered
	resp := f.Do(runtimetest.Request{Token: token})
	if resp.Status != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q; want 503, 1", resp.Status, resp.Header.Get("Retry-After"))
	}
	close(release)
	if got := <-done; got != http.StatusOK {
		t.Errorf("the first request: status %d, want 200", got)
	}
	if got := f.status(token); got != http.StatusOK {
		t.Errorf("after it: status %d, want 200", got)
	}
}

func TestBrowsers(t *testing.T) {
	f := startWith(t, func(c *config.RuntimeConfig) { c.AllowedOrigins = []string{"https://app.example.com"} })
	preflight := func(origin, headers string) *runtimetest.Response {
		return f.Do(runtimetest.Request{HTTPMethod: http.MethodOptions, Header: map[string][]string{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {headers},
		}})
	}
	resp := preflight("https://app.example.com", "authorization, mcp-param-region, x-evil")
	if resp.Status != http.StatusNoContent || resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("preflight: status %d, header %v", resp.Status, resp.Header)
	}
	allowed := strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers"))
	for header, want := range map[string]bool{
		"authorization": true, "mcp-protocol-version": true, "mcp-method": true, "mcp-name": true, "mcp-param-region": true, "x-evil": false,
	} {
		if strings.Contains(allowed, header) != want {
			t.Errorf("Access-Control-Allow-Headers %q: %s allowed is not %v", allowed, header, want)
		}
	}
	if resp := preflight("https://evil.example.com", ""); resp.Status != http.StatusForbidden || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another origin: status %d, header %v", resp.Status, resp.Header)
	}
	origin := map[string][]string{"Origin": {"https://app.example.com"}}
	for name, tc := range map[string]struct {
		token  string
		status int
	}{
		"with a token": {f.token("invoices:read"), 200}, "without": {"", 401}, "without the scope": {f.token(""), 403},
	} {
		resp := f.Do(runtimetest.Request{Token: tc.token, Header: origin})
		if resp.Status != tc.status || resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
			t.Errorf("%s: status %d, Access-Control-Allow-Origin %q", name, resp.Status, resp.Header.Get("Access-Control-Allow-Origin"))
		}
		if !strings.Contains(resp.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
			t.Errorf("%s: a script cannot read the challenge", name)
		}
	}
}

func TestBrowsersAreToldThatTheServerIsBusy(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	api := runtimetest.NewAPI(t, func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-release
	})
	f := startWith(t, func(c *config.RuntimeConfig) {
		c.Limits.ConcurrentRequests, c.Upstreams[0].HTTP.URL = 1, api.URL
		c.AllowedOrigins = []string{"https://app.example.com"}
	})
	token, done := f.token("invoices:read"), make(chan struct{})
	go func() {
		defer close(done)
		f.lookup(token)
	}()
	<-entered
	origin := map[string][]string{"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {"POST"}}
	for name, tc := range map[string]struct {
		request runtimetest.Request
		status  int
	}{
		"a request":                 {runtimetest.Request{Token: token}, http.StatusServiceUnavailable},
		"a preflight":               {runtimetest.Request{HTTPMethod: http.MethodOptions}, http.StatusNoContent},
		"a request to another host": {runtimetest.Request{Host: "evil.example.com"}, http.StatusServiceUnavailable},
	} {
		tc.request.Header = origin
		if resp := f.Do(tc.request); resp.Status != tc.status || resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
			t.Errorf("%s: status %d, want %d that a script may read: %v", name, resp.Status, tc.status, resp.Header)
		}
	}
	close(release)
	<-done
	if resp := f.Do(runtimetest.Request{Host: "evil.example.com", Header: origin}); resp.Status != http.StatusForbidden || resp.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("another host: status %d, header %v; want 403 that a script may read", resp.Status, resp.Header)
	}
}

func TestNamesInBase64(t *testing.T) {
	f := start(t)
	encoded := func(s string) map[string][]string {
		return map[string][]string{"Mcp-Name": {"=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="}}
	}
	call := runtimetest.Call(f.token("invoices:read"), "lookup_invoice", map[string]any{"invoiceId": "1"})
	for name, tc := range map[string]struct {
		header map[string][]string
		status int
	}{
		"the name of the body":    {encoded("lookup_invoice"), 200},
		"another name":            {encoded("void_invoice"), 400},
		"what does not decode":    {map[string][]string{"Mcp-Name": {"=?base64?!?="}}, 400},
		"an encoding of encoding": {encoded("=?base64?bG9va3VwX2ludm9pY2U=?="), 400},
	} {
		call.Header = tc.header
		if resp := f.Do(call); resp.Status != tc.status {
			t.Errorf("%s: status %d, want %d: %s", name, resp.Status, tc.status, resp.Body)
		}
	}
}

func TestRefusalsNameTheirRequest(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Request{Token: f.issuer.Token(oauthtest.Claims{"aud": "x"}), Header: map[string][]string{"X-Request-Id": {"forged"}}})
	id := resp.Header.Get("X-Request-Id")
	if id == "" || id == "forged" || !strings.Contains(f.Logs(), id) {
		t.Errorf("X-Request-Id %q is not in the audit", id)
	}
}

func TestDeepJSONEndsTheRequestAndNotTheProcess(t *testing.T) {
	f := start(t)
	for name, body := range map[string]string{
		"arrays":    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup_invoice","arguments":` + strings.Repeat("[", 1<<19) + `}}`,
		"objects":   strings.Repeat(`{"a":`, 1<<17),
		"just over": strings.Repeat("[", 65) + strings.Repeat("]", 65),
	} {
		if resp := f.Do(runtimetest.Request{Token: f.token("invoices:read"), Body: body, Version: "2025-06-18"}); resp.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", name, resp.Status)
		}
	}
}
