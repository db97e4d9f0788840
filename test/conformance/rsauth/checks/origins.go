package checks

import (
	"context"
	"net/http"
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

// withGood is a probe with a good token and one thing different.
func withGood(r func(*target) request, ok func(*answer) bool) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		a, err := t.sendGood(ctx, r(t))
		if err != nil {
			return finding{}, err
		}
		return judge(a, ok(a)), nil
	}
}

func header(name string, values ...string) func(*target) request {
	return func(*target) request { return request{header: http.Header{http.CanonicalHeaderKey(name): values}} }
}

func clientError(a *answer) bool { return a.Status >= 400 && a.Status < 500 }

// origin is the resource's own.
func (t *target) origin() string {
	u := t.endpoint()
	return u.Scheme + "://" + u.Host
}

// capitals writes scheme and host of a URI in upper case.
func capitals(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	host, path, slash := strings.Cut(rest, "/")
	out := strings.ToUpper(scheme) + "://" + strings.ToUpper(host)
	if slash {
		out += "/" + path
	}
	return out
}

// caseChecks look at the parts of a URI that have no case (RFC 3986 section
// 6.2.2.1).
func caseChecks() []Check {
	const reference = "MCP authorization, canonical server URI"
	return []Check{
		{
			ID: "A10.host", Level: Should, Reference: reference, Sends: "the Host in upper case", Wants: "200",
			probe: withGood(func(t *target) request { return request{host: strings.ToUpper(t.endpoint().Host)} }, (*answer).accepted),
		},
		{
			ID: "A10.audience", Level: Should, Reference: reference, Sends: "a token whose aud has scheme and host in upper case", Wants: "200",
			probe: func(ctx context.Context, t *target) (finding, error) {
				if !strings.Contains(t.Audience, "://") {
					return skip("the audience is no URL"), nil
				}
				a, err := t.sendWith(ctx, oauthtest.Claims{"aud": capitals(t.Audience)})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.accepted()), nil
			},
		},
	}
}

// originChecks look at requests that a browser was made to send.
func originChecks() []Check {
	const transport = "MCP transport, security"
	return []Check{
		{
			ID: "T2.foreign-origin", Level: Must, Reference: transport, Sends: "the Origin of another site", Wants: "403",
			probe: withGood(header("Origin", "https://evil.example.com"), status(403)),
		},
		{
			ID: "T2.null-origin", Level: Must, Reference: transport, Sends: "the Origin null", Wants: "403",
			probe: withGood(header("Origin", "null"), status(403)),
		},
		{
			ID: "T2.origin-prefix", Level: Must, Reference: transport, Sends: "an Origin that the own one begins", Wants: "403",
			probe: withGood(func(t *target) request { return header("Origin", t.origin()+".evil.example.com")(t) }, status(403)),
		},
		{
			ID: "T3.foreign-host", Level: Must, Reference: transport + " (DNS rebinding)", Sends: "the Host of another site", Wants: "4xx",
			probe: withGood(func(*target) request { return request{host: "evil.example.com"} }, clientError),
		},
		{
			ID: "T3.host-prefix", Level: Must, Reference: transport + " (DNS rebinding)", Sends: "a Host that the own one begins", Wants: "4xx",
			probe: withGood(func(t *target) request { return request{host: t.endpoint().Hostname() + ".evil.example.com"} }, clientError),
		},
	}
}
