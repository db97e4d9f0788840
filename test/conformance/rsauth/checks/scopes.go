package checks

import (
	"context"
	"slices"
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	needsScopes  = "every request is allowed without scopes here"
	needsTool    = "no tool and tool scope are configured"
	needsBroader = "no broader scope is configured"
	scopeWanted  = `403 with error="insufficient_scope", all scopes needed, resource_metadata`
)

// scopeChecks look at tokens that are good but not for everything.
func scopeChecks() []Check {
	const stepUp = "MCP authorization, RFC 6750 section 3.1"
	return []Check{
		{
			ID: "A8.door", Level: Must, Reference: stepUp, Sends: "a token without any scope", Wants: "403",
			probe: door(func(_ *target, a *answer) bool { return a.Status == 403 }),
		},
		{
			ID: "A8.door-challenge", Level: Should, Reference: stepUp, Sends: "a token without any scope", Wants: scopeWanted,
			probe: door(func(t *target, a *answer) bool { return asksFor(a, t.Scopes) }),
		},
		{
			ID: "A8.tool", Level: Must, Reference: stepUp, Sends: "a call of a tool without its scope", Wants: "403",
			probe: toolWithout(func(_ *target, a *answer) bool { return a.Status == 403 }),
		},
		{
			ID: "A8.tool-challenge", Level: Should, Reference: stepUp, Sends: "a call of a tool without its scope", Wants: scopeWanted,
			probe: toolWithout(func(t *target, a *answer) bool { return asksFor(a, []string{t.ToolScope}) }),
		},
		{
			ID: "A8.step-up", Level: Should, Reference: stepUp, Sends: "the call again, with just the scopes that the challenge names", Wants: "200",
			probe: stepUpOnce,
		},
		{
			ID: "A9.broader-scope", Level: Must, Reference: "MCP authorization, scope hierarchies", Sends: "a token with a broader scope alone", Wants: "200",
			probe: func(ctx context.Context, t *target) (finding, error) {
				if t.BroaderScope == "" {
					return skip(needsBroader), nil
				}
				a, err := t.sendWith(ctx, oauthtest.Claims{"scope": t.BroaderScope})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.accepted()), nil
			},
		},
	}
}

// asksFor tells whether the challenge is one for scopes, these among them.
func asksFor(a *answer, scopes []string) bool {
	c := a.challenge()
	if a.Status != 403 || c["error"] != "insufficient_scope" || c["resource_metadata"] == "" {
		return false
	}
	asked := a.scopes()
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(asked, s) })
}

func door(ok func(*target, *answer) bool) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		if len(t.Scopes) == 0 {
			return skip(needsScopes), nil
		}
		a, err := t.sendWith(ctx, oauthtest.Claims{"scope": nil})
		if err != nil {
			return finding{}, err
		}
		return judge(a, ok(t, a)), nil
	}
}

func toolWithout(ok func(*target, *answer) bool) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		if t.Tool == "" {
			return skip(needsTool), nil
		}
		a, err := t.call(ctx, strings.Join(t.Scopes, " "), t.ToolArguments)
		if err != nil {
			return finding{}, err
		}
		return judge(a, ok(t, a)), nil
	}
}

// stepUpOnce does what a client does: ask for what the challenge names, and try
// again. That has to be enough.
func stepUpOnce(ctx context.Context, t *target) (finding, error) {
	if t.Tool == "" {
		return skip(needsTool), nil
	}
	denied, err := t.call(ctx, strings.Join(t.Scopes, " "), t.ToolArguments)
	if err != nil {
		return finding{}, err
	}
	if denied.Status != 403 {
		return judgeText("first "+denied.String(), false), nil
	}
	a, err := t.call(ctx, denied.challenge()["scope"], t.ToolArguments)
	if err != nil {
		return finding{}, err
	}
	return judge(a, a.accepted()), nil
}
