package checks

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// carried is a check of how a good token is carried, which is a MUST.
func carried(id, reference, sends, wants string, carry func(scheme, token string) request, ok func(*answer) bool) Check {
	return Check{
		ID: id, Level: Must, Reference: reference, Sends: sends, Wants: wants,
		probe: func(ctx context.Context, t *target) (finding, error) {
			token, err := t.token(nil)
			if err != nil {
				return finding{}, err
			}
			r := carry(t.scheme(), token)
			r.carried = token
			a, err := t.send(ctx, r)
			if err != nil {
				return finding{}, err
			}
			return judge(a, ok(a)), nil
		},
	}
}

func authorization(values ...string) request {
	return request{header: http.Header{"Authorization": values}}
}

func form(token string) request {
	return request{body: []byte(url.Values{"access_token": {token}}.Encode()), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
}

func status(wanted ...int) func(*answer) bool {
	return func(a *answer) bool { return slices.Contains(wanted, a.Status) }
}

// carriageChecks look at the places that a token may not be in.
func carriageChecks() []Check {
	const reference = "MCP authorization, RFC 6750 section 2.3"
	return []Check{
		carried("A7.query", reference, "a good token in the query", "401",
			func(_, token string) request { return request{query: "?access_token=" + token} }, status(401)),
		carried("A7.body", reference, "a good token in a form", "401",
			func(_, token string) request { return form(token) }, status(401)),
		carried("A7.other-scheme", "RFC 6750 section 3", "another scheme", "401",
			func(_, _ string) request { return authorization("Basic dTpw") }, status(401)),
		carried("A7.malformed", rfc6750, "the scheme without a token", "400",
			func(scheme, _ string) request { return authorization(scheme) }, status(400)),
	}
}

// credentialChecks look at the header, and at more than one credential.
func credentialChecks() []Check {
	const (
		scheme = "RFC 9110 section 11.1"
		many   = "RFC 6750 sections 2 and 3.1"
	)
	return []Check{
		carried("A12.scheme-in-lower-case", scheme, "a good token behind bearer, or dpop", "200",
			func(scheme, token string) request { return authorization(strings.ToLower(scheme) + " " + token) }, (*answer).accepted),
		carried("A12.scheme-in-upper-case", scheme, "a good token behind BEARER, or DPOP", "200",
			func(scheme, token string) request { return authorization(strings.ToUpper(scheme) + " " + token) }, (*answer).accepted),
		carried("A12.two-headers", many, "a good token in two Authorization headers", "400",
			func(scheme, token string) request { return authorization(scheme+" "+token, scheme+" "+token) }, status(400)),
		carried("A12.two-headers-that-differ", many, "a good token, and a bad one in another Authorization header", "400",
			func(scheme, token string) request { return authorization(scheme+" "+token, scheme+" x") }, status(400)),
		carried("A12.two-tokens-in-one-header", many, "two good tokens in one Authorization header", "400",
			func(scheme, token string) request {
				return authorization(scheme + " " + token + ", " + scheme + " " + token)
			}, status(400)),
		carried("A12.header-and-query", many, "a good token in the header and in the query", "400",
			func(_, token string) request { return request{token: token, query: "?access_token=" + token} }, status(400)),
		carried("A12.header-and-body", many, "a good token in the header and in a form", "400, or 415 for the form",
			func(_, token string) request {
				r := form(token)
				r.token = token
				return r
			}, status(400, 415)),
	}
}

// secrecyChecks look for what an answer must not tell.
func secrecyChecks() []Check {
	return []Check{
		{
			ID: "A11.no-echo", Level: Must, Reference: "RFC 6750 section 5.2, MCP authorization", Sends: "a token that is refused", Wants: "an answer that does not quote it",
			probe: func(ctx context.Context, t *target) (finding, error) {
				token, err := t.token(map[string]any{"aud": "https://other.example.com/mcp"})
				if err != nil {
					return finding{}, err
				}
				a, err := t.send(ctx, request{token: token})
				if err != nil {
					return finding{}, err
				}
				said := string(a.Body) + string(encode(a.Header))
				secret := token[strings.LastIndex(token, ".")+1:] // of a JWT the signature
				return judge(a, a.Status == 401 && !strings.Contains(said, secret)), nil
			},
		},
		{
			ID: "A11.tools-hidden", Level: Must, Reference: "MCP authorization", Sends: "no token", Wants: "401 that names no tool",
			probe: func(_ context.Context, t *target) (finding, error) {
				for _, tool := range t.tools {
					if strings.Contains(string(t.stranger.Body), strconv.Quote(tool.Name)) {
						return judgeText(t.stranger.String()+" naming "+tool.Name, false), nil
					}
				}
				return judge(t.stranger, t.stranger.Status == 401), nil
			},
		},
		{
			ID: "A11.no-details", Level: Should, Reference: "RFC 6750 section 5.2", Sends: "tokens refused for four reasons", Wants: "the same body for all of them",
			probe: sameBody,
		},
	}
}

// sameBody finds out whether a forger is told what is wrong with his token.
func sameBody(ctx context.Context, t *target) (finding, error) {
	bodies := map[string]bool{}
	return t.sendRefused(ctx, func(a *answer) bool {
		bodies[string(a.Body)] = true
		return len(bodies) == 1
	})
}
