package checks

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

const readable = " that a script of the origin may read, WWW-Authenticate with it"

// corsChecks look at what a client in a browser learns: without these headers its
// script sees no answer at all, and never finds the authorization server.
func corsChecks() []Check {
	const reference = "WHATWG Fetch, CORS protocol"
	return []Check{
		{
			ID: "T2.cors-unauthorized", Level: Should, Reference: reference, Sends: "an allowed Origin without a token", Wants: "401" + readable,
			probe: fromBrowser(func(ctx context.Context, t *target, origin http.Header) (*answer, error) {
				return t.send(ctx, request{header: origin})
			}, func(t *target, a *answer) bool { return a.Status == 401 && t.readable(a) }),
		},
		{
			ID: "T2.cors-forbidden", Level: Should, Reference: reference, Sends: "an allowed Origin and a token without any scope", Wants: "403" + readable,
			probe: func(ctx context.Context, t *target) (finding, error) {
				if len(t.Scopes) == 0 {
					return skip(needsScopes), nil
				}
				return fromBrowser(sendWithoutScope, func(t *target, a *answer) bool { return a.Status == 403 && t.readable(a) })(ctx, t)
			},
		},
		{
			ID: "T2.cors-preflight", Level: Should, Reference: reference, Sends: "the preflight of a request with a token", Wants: "2xx that allows its method and headers",
			probe: fromBrowser(func(ctx context.Context, t *target, origin http.Header) (*answer, error) {
				origin.Set("Access-Control-Request-Method", http.MethodPost)
				origin.Set("Access-Control-Request-Headers", requestHeaders)
				return t.send(ctx, request{httpMethod: http.MethodOptions, header: origin})
			}, func(t *target, a *answer) bool {
				return a.accepted() && t.mayRead(a) && lists(a.Header, "Access-Control-Allow-Headers", strings.Split(requestHeaders, ",")...)
			}),
		},
	}
}

const requestHeaders = "authorization,content-type,mcp-method,mcp-name,mcp-protocol-version"

func sendWithoutScope(ctx context.Context, t *target, origin http.Header) (*answer, error) {
	token, err := t.token(oauthtest.Claims{"scope": nil})
	if err != nil {
		return nil, err
	}
	return t.send(ctx, request{token: token, header: origin})
}

func fromBrowser(send func(context.Context, *target, http.Header) (*answer, error), ok func(*target, *answer) bool) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		if t.Origin == "" {
			return skip("no origin is configured"), nil
		}
		a, err := send(ctx, t, http.Header{"Origin": {t.Origin}})
		if err != nil {
			return finding{}, err
		}
		got := fmt.Sprintf("%s Access-Control-Allow-Origin=%q", a, a.Header.Get("Access-Control-Allow-Origin"))
		return judgeText(got, ok(t, a)), nil
	}
}

func (t *target) readable(a *answer) bool {
	return t.mayRead(a) && lists(a.Header, "Access-Control-Expose-Headers", "www-authenticate")
}

func (t *target) mayRead(a *answer) bool {
	allowed := a.Header.Get("Access-Control-Allow-Origin")
	return allowed == t.Origin || allowed == "*"
}

// lists tells whether a header that is a list has all of the names, in any case.
func lists(h http.Header, list string, wanted ...string) bool {
	listed := map[string]bool{}
	for name := range strings.SplitSeq(strings.Join(h.Values(list), ","), ",") {
		listed[strings.ToLower(strings.TrimSpace(name))] = true
	}
	for _, name := range wanted {
		if !listed[name] && (!listed["*"] || name == "authorization") { // the wildcard does not stand for it
			return false
		}
	}
	return true
}
