package httpmw

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// identity is what Identify gives a request.
type identity struct {
	id      string
	arrived time.Time
}

type identityKey struct{}

// RequestID returns the id that Identify gave the request.
func RequestID(ctx context.Context) string { return identityOf(ctx).id }

func identityOf(ctx context.Context) identity {
	i, _ := ctx.Value(identityKey{}).(*identity)
	if i == nil {
		return identity{}
	}
	return *i
}

// Identify gives each request an id of its own, which the answer carries and
// the audit names. An inbound id is not taken over: it would be a stranger's
// text in the log.
func Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		i := &identity{id: rand.Text(), arrived: time.Now()}
		w.Header()["X-Request-Id"] = []string{i.id}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), identityKey{}, i)))
	})
}

// AllowHost refuses requests for another host than the resource's (DNS
// rebinding). The port may be left out or be the scheme's default.
func AllowHost(resource *url.URL, r *Responder) func(http.Handler) http.Handler {
	want := hostPort(resource.Host, resource.Scheme)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if hostPort(req.Host, resource.Scheme) != want {
				r.RefuseStranger(w, req, Refusal{Status: http.StatusForbidden, Error: "host_not_allowed", Reason: "bad_host"})
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

func hostPort(host, scheme string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

// DropCredentials removes the caller's token from the request: whatever comes
// after has a Principal and no use for it.
func DropCredentials(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for _, name := range []string{"Authorization", "DPoP", "Cookie"} {
			req.Header.Del(name)
		}
		next.ServeHTTP(w, req)
	})
}
