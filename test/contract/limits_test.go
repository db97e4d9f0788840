package contract

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/certtest"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/redistest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// limitFields are about how much is too much.
var limitFields = map[string]func(*testing.T){
	"limits.requestBytes": func(t *testing.T) {
		s := apply(t, patch(t, `limits: {requestBytes: 1024}`))
		long := runtimetest.Call(s.token(""), "lookup_invoice", map[string]any{"invoiceId": strings.Repeat("a", 1024)})
		if resp := s.Do(long); resp.Status != http.StatusRequestEntityTooLarge || len(s.api.Requests()) != 0 {
			t.Errorf("a long request: status %d, want 413", resp.Status)
		}
		if resp := s.lookup(s.token("")); resp.Status != http.StatusOK {
			t.Errorf("a short one: status %d, want 200", resp.Status)
		}
	},
	"limits.responseBytes": func(t *testing.T) {
		api := runtimetest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
			size, _ := strconv.Atoi(filepath.Base(r.URL.Path))
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(strings.Repeat("a", size)))
		})
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Limits.ResponseBytes, spec.Upstreams[0].HTTP.URL = 1024, api.URL
		})
		for size, want := range map[string]bool{"1024": false, "1025": true} {
			resp := s.Do(runtimetest.Call(s.token(""), "lookup_invoice", map[string]any{"invoiceId": size}))
			if text, isError := resp.Text(); isError != want {
				t.Errorf("an answer of %s bytes: error %v, want %v: %.80q", size, isError, want, text)
			}
		}
	},
	"limits.concurrentRequests": func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		api := runtimetest.NewAPI(t, func(http.ResponseWriter, *http.Request) {
			entered <- struct{}{}
			<-release
		})
		s := apply(t, func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Limits.ConcurrentRequests, spec.Upstreams[0].HTTP.URL = 1, api.URL
		})
		token, done := s.token(""), make(chan int)
		go func() { done <- s.lookup(token).Status }()
		<-entered
		if resp := s.Do(runtimetest.Request{Token: token}); resp.Status != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("the second: status %d, Retry-After %q; want 503 with one", resp.Status, resp.Header.Get("Retry-After"))
		}
		close(release)
		if got := <-done; got != http.StatusOK {
			t.Errorf("the first: status %d, want 200", got)
		}
	},
	"rateLimit.requests": func(t *testing.T) {
		s := apply(t, patch(t, `rateLimit: {requests: 2, periodSeconds: 86400}`))
		wantStatuses(t, s, s.token(""), 200, 200, 429)
		if got := s.status(s.issuer.Token(oauthtest.Claims{"sub": "somebody-else"})); got != http.StatusOK {
			t.Errorf("somebody else: status %d, want 200", got)
		}
	},
	"rateLimit.periodSeconds": func(t *testing.T) {
		for period, least := range map[string]int{"": 0, ", periodSeconds: 3600": 3000} {
			s := apply(t, patch(t, `rateLimit: {requests: 1`+period+`}`))
			token := s.token("")
			wantStatuses(t, s, token, 200, 429)
			retry, err := strconv.Atoi(s.Do(runtimetest.Request{Token: token}).Header.Get("Retry-After"))
			if err != nil || retry < least || retry > max(60, least*2) {
				t.Errorf("rateLimit {requests: 1%s}: Retry-After %d (%v)", period, retry, err)
			}
		}
	},
	"rateLimit.burst": func(t *testing.T) {
		s := apply(t, patch(t, `rateLimit: {requests: 3, periodSeconds: 86400, burst: 1}`))
		wantStatuses(t, s, s.token(""), 200, 429)
	},
	"rateLimit.redis.address": func(t *testing.T) {
		store := redistest.Start(t)
		sharing(t, nil, fmt.Sprintf(`address: %q`, store.Addr), true)
		sharing(t, nil, `address: "127.0.0.1:1"`, false)
	},
	"rateLimit.redis.passwordRef.name": password,
	"rateLimit.redis.passwordRef.key":  password,
	"rateLimit.redis.tls":              redisTLS,
	"rateLimit.redis.caBundleRef.name": redisTLS,
	"rateLimit.redis.caBundleRef.key":  redisTLS,
}

func wantStatuses(t *testing.T, s server, token string, want ...int) {
	t.Helper()
	for i, status := range want {
		if got := s.status(token); got != status {
			t.Errorf("request %d: status %d, want %d", i+1, got, status)
		}
	}
}

// sharing checks by two replicas, where each caller has one request a day,
// whether they count together. A store that is slow once is left aside for a
// moment, so sharing is waited for; not sharing holds from the first request on.
func sharing(t *testing.T, objects map[string][]byte, redis string, want bool) {
	t.Helper()
	c := cluster{issuer: oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource)), objects: objects}
	change := patch(t, `rateLimit: {requests: 1, periodSeconds: 86400, redis: {`+redis+`}}`)
	a, b := c.apply(t, change), c.apply(t, change)
	callers := 0
	shared := func() bool {
		callers++
		token := a.issuer.Token(oauthtest.Claims{"sub": strconv.Itoa(callers)})
		if got := a.status(token); got != http.StatusOK {
			t.Fatalf("redis {%s}: the first request: status %d, want 200", redis, got)
		}
		return b.status(token) == http.StatusTooManyRequests
	}
	if want {
		runtimetest.Eventually(t, "the replicas to share with redis {"+redis+"}", shared, b.Logs)
		return
	}
	for range 3 {
		if shared() {
			t.Errorf("redis {%s}: the replicas share", redis)
		}
	}
}

func password(t *testing.T) {
	store := redistest.Start(t, redistest.WithPassword("s3cret"))
	objects := map[string][]byte{"redis/password": []byte("s3cret\n"), "redis/old": []byte("wrong"), "other/password": []byte("wrong")}
	for ref, want := range map[string]bool{
		`, passwordRef: {name: redis, key: password}`: true,
		`, passwordRef: {name: redis, key: old}`:      false,
		`, passwordRef: {name: other, key: password}`: false,
		``: false,
	} {
		sharing(t, objects, fmt.Sprintf(`address: %q`, store.Addr)+ref, want)
	}
}

func redisTLS(t *testing.T) {
	cert, key := certtest.New(t, "mcp.example.com", "127.0.0.1")
	other, _ := certtest.New(t, "mcp.example.com", "127.0.0.1")
	dir := t.TempDir()
	files := map[string][]byte{filepath.Join(dir, "tls.crt"): cert, filepath.Join(dir, "tls.key"): key}
	for path, raw := range files {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store := redistest.Start(t, redistest.WithTLS(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")))
	objects := map[string][]byte{"redis-ca/ca.crt": cert, "redis-ca/other.pem": other, "other/ca.crt": other}
	for options, want := range map[string]bool{
		`, tls: Required, caBundleRef: {name: redis-ca}`:                 true,
		`, tls: Required, caBundleRef: {name: redis-ca, key: other.pem}`: false,
		`, tls: Required, caBundleRef: {name: other}`:                    false,
		`, tls: Required`: false, // the system's roots do not know it
		``:                false,
	} {
		sharing(t, objects, fmt.Sprintf(`address: %q`, store.Addr)+options, want)
	}
}
