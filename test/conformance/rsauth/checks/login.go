package checks

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	stepUpReference = "RFC 9470 section 3"
	insufficient    = "insufficient_user_authentication"
	needsLogin      = "no tool that wants a login is configured"
)

// loginChecks look at a tool that wants a strong or a recent login. What it wants,
// its challenge has to say: a client knows no more.
func loginChecks() []Check {
	return []Check{
		{
			ID: "A15.challenge", Level: Must, Reference: stepUpReference, Sends: "a call of a tool that wants a login, with a token that says nothing of one", Wants: "401 with error=\"" + insufficient + "\" and acr_values or max_age",
			probe: withLogin(func(_ context.Context, _ *target, asked *answer) (finding, error) {
				c := asked.challenge()
				return judge(asked, refusesLogin(asked) && (c["acr_values"] != "" || c["max_age"] != "")), nil
			}),
		},
		{
			ID: "A15.weak-login", Level: Must, Reference: stepUpReference, Sends: "the call with a login of just now, of another acr", Wants: "401 with error=\"" + insufficient + "\"",
			probe: withLogin(func(ctx context.Context, t *target, asked *answer) (finding, error) {
				if refusesLogin(asked) && asked.challenge()["acr_values"] == "" {
					return skip("the tool wants no acr"), nil
				}
				a, err := t.callAfter(ctx, oauthtest.Claims{"acr": "rsauth-weak", "auth_time": time.Now().Unix()})
				if err != nil {
					return finding{}, err
				}
				return judge(a, refusesLogin(a)), nil
			}),
		},
		{
			ID: "A15.old-login", Level: Must, Reference: stepUpReference, Sends: "the call with a strong login of long ago", Wants: "401 with error=\"" + insufficient + "\"",
			probe: withLogin(func(ctx context.Context, t *target, asked *answer) (finding, error) {
				age, err := strconv.Atoi(asked.challenge()["max_age"])
				if refusesLogin(asked) && err != nil {
					return skip("the tool wants no max_age"), nil
				}
				long := time.Now().Add(-time.Duration(age)*time.Second - time.Hour)
				a, err := t.callAfter(ctx, oauthtest.Claims{"acr": firstOf(asked.challenge()["acr_values"]), "auth_time": long.Unix()})
				if err != nil {
					return finding{}, err
				}
				return judge(a, refusesLogin(a)), nil
			}),
		},
		{
			ID: "A15.step-up", Level: Must, Reference: "RFC 9470 section 4", Sends: "the call with a login as the challenge asks for", Wants: "200",
			probe: withLogin(func(ctx context.Context, t *target, asked *answer) (finding, error) {
				a, err := t.callAfter(ctx, oauthtest.Claims{"acr": firstOf(asked.challenge()["acr_values"]), "auth_time": time.Now().Unix()})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.accepted()), nil
			}),
		},
	}
}

func refusesLogin(a *answer) bool {
	return a.Status == http.StatusUnauthorized && a.challenge()["error"] == insufficient
}

// firstOf is the first of several values, nil for none: the claim is left out.
func firstOf(values string) any {
	if first, _, _ := strings.Cut(values, " "); first != "" {
		return first
	}
	return nil
}

// withLogin asks once without a login, as a client does that does not know yet.
func withLogin(see func(context.Context, *target, *answer) (finding, error)) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		if t.LoginTool == "" {
			return skip(needsLogin), nil
		}
		asked, err := t.callAfter(ctx, nil)
		if err != nil {
			return finding{}, err
		}
		return see(ctx, t, asked)
	}
}

// callAfter calls the tool with a token that says this of the login.
func (t *target) callAfter(ctx context.Context, login oauthtest.Claims) (*answer, error) {
	claims := oauthtest.Claims{"scope": t.allScopes()}
	maps.Copy(claims, login)
	token, err := t.token(claims)
	if err != nil {
		return nil, err
	}
	return t.send(ctx, request{method: "tools/call", token: token, params: map[string]any{"name": t.LoginTool, "arguments": map[string]any{}}})
}
