package checks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

// challengeChecks look at what a client without a good token is told.
func challengeChecks() []Check {
	return []Check{
		{
			ID: "A2.challenge", Level: Must, Reference: "RFC 9728 section 5.1", Sends: "no token", Wants: "401 whose resource_metadata leads to metadata of this resource",
			probe: func(ctx context.Context, t *target) (finding, error) { return t.leadsToMetadata(ctx, t.stranger) },
		},
		{
			ID: "A2.challenge-invalid-token", Level: Must, Reference: "RFC 9728 section 5.1", Sends: "a token that has expired", Wants: "401 whose resource_metadata leads to metadata of this resource",
			probe: func(ctx context.Context, t *target) (finding, error) {
				a, err := t.sendWith(ctx, oauthtest.Claims{"exp": time.Now().Add(-time.Hour)})
				if err != nil {
					return finding{}, err
				}
				return t.leadsToMetadata(ctx, a)
			},
		},
		{
			ID: "A3.scope", Level: Should, Reference: "MCP authorization, RFC 6750 section 3", Sends: "no token", Wants: "401 with scope",
			probe: func(_ context.Context, t *target) (finding, error) {
				return judge(t.stranger, t.stranger.Status == 401 && len(t.stranger.scopes()) > 0), nil
			},
		},
		{
			ID: "A4.challenge", Level: Should, Reference: "MCP authorization, scope selection", Sends: "no token", Wants: "no offline_access in the scope of the challenge",
			probe: func(_ context.Context, t *target) (finding, error) {
				return judge(t.stranger, t.stranger.Status == 401 && !slices.Contains(t.stranger.scopes(), "offline_access")), nil
			},
		},
	}
}

// leadsToMetadata follows the challenge of a 401.
func (t *target) leadsToMetadata(ctx context.Context, a *answer) (finding, error) {
	at := a.challenge()["resource_metadata"]
	if a.Status != 401 || at == "" {
		return judge(a, false), nil
	}
	m, found, err := t.fetch(ctx, at)
	if err != nil {
		return finding{}, err
	}
	return judgeText(fmt.Sprintf("%s; there %d, resource %s", a, found.Status, m.Resource), m.Resource == t.URL), nil
}
