package checks

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// methodChecks look at the HTTP methods.
func methodChecks() []Check {
	const reference = "MCP streamable HTTP"
	var checks []Check
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		checks = append(checks, Check{
			ID: "T1." + strings.ToLower(method), Level: Must, Reference: reference, Sends: method, Wants: "405",
			probe: withoutSessions(request{httpMethod: method, header: http.Header{"Accept": {"text/event-stream"}}}, func(a *answer) finding {
				return judge(a, a.Status == http.StatusMethodNotAllowed)
			}),
		})
	}
	return append(checks,
		Check{
			ID: "T1.put", Level: Must, Reference: reference, Sends: "PUT", Wants: "405",
			probe: withGood(func(*target) request { return request{httpMethod: http.MethodPut} }, status(405)),
		},
		Check{
			ID: "T1.allow", Level: Must, Reference: "RFC 9110 section 15.5.6", Sends: "GET", Wants: "405 with Allow",
			probe: withoutSessions(request{httpMethod: http.MethodGet, header: http.Header{"Accept": {"text/event-stream"}}}, func(a *answer) finding {
				return judgeText(fmt.Sprintf("%s Allow=%q", a, a.Header.Get("Allow")), a.Status == http.StatusMethodNotAllowed && a.Header.Get("Allow") != "")
			}),
		},
	)
}

// withoutSessions is a probe of what sessions allow.
func withoutSessions(r request, see func(*answer) finding) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		if t.session != "" {
			return skip("the server has sessions"), nil
		}
		a, err := t.sendGood(ctx, r)
		if err != nil {
			return finding{}, err
		}
		return see(a), nil
	}
}

func notificationChecks() []Check {
	return []Check{{
		ID: "T4.notification", Level: Must, Reference: "MCP streamable HTTP", Sends: "a notification", Wants: "202 without body",
		probe: func(ctx context.Context, t *target) (finding, error) {
			a, err := t.sendGood(ctx, request{method: "notifications/cancelled", notification: true, params: map[string]any{"requestId": "unheard-of"}})
			if err != nil {
				return finding{}, err
			}
			return judgeText(fmt.Sprintf("%s, %d bytes", a, len(a.Body)), a.Status == http.StatusAccepted && len(a.Body) == 0), nil
		},
	}}
}

func sessionChecks() []Check {
	return []Check{
		{
			ID: "T12.session-id-ignored", Level: Must, Reference: "MCP streamable HTTP", Sends: "an Mcp-Session-Id of nobody", Wants: "200 without Mcp-Session-Id", since: Modern,
			probe: withGood(header("Mcp-Session-Id", "unheard-of"), noSession),
		},
		{
			ID: "T12.last-event-id-ignored", Level: Must, Reference: "MCP streamable HTTP", Sends: "a Last-Event-ID of nobody", Wants: "200 without Mcp-Session-Id", since: Modern,
			probe: withGood(header("Last-Event-ID", "unheard-of"), noSession),
		},
		{
			ID: "T12.session-of-another-user", Level: Must, Reference: "MCP security best practices, session hijacking", Sends: "the session of one user with the token of another", Wants: "4xx",
			probe: hijack,
		},
	}
}

func noSession(a *answer) bool { return a.accepted() && a.Header.Get("Mcp-Session-Id") == "" }

func hijack(ctx context.Context, t *target) (finding, error) {
	if t.session == "" {
		return skip("the server has no sessions"), nil
	}
	token, err := t.token(map[string]any{"sub": "mallory"})
	if err != nil {
		return finding{}, err
	}
	a, err := t.send(ctx, request{method: "tools/list", token: token})
	if err != nil {
		return finding{}, err
	}
	return judge(a, clientError(a)), nil
}
