package checks

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

// accessChecks look at what a caller with a good token may not have either.
func accessChecks() []Check {
	const reference = "MCP tools, security"
	return []Check{
		{
			ID: "X2.undeclared-tool", Level: Must, Reference: reference, Sends: "a call of a tool that is not listed", Wants: "an error",
			probe: func(ctx context.Context, t *target) (finding, error) {
				a, err := t.sendAll(ctx, request{method: "tools/call", params: map[string]any{"name": "unheard-of", "arguments": map[string]any{}}})
				if err != nil {
					return finding{}, err
				}
				isError, _ := a.result()["isError"].(bool)
				return judge(a, !a.accepted() || a.code() != 0 || isError), nil
			},
		},
		{
			ID: "X2.rate-limit", Level: Must, Reference: reference, Sends: "more requests than a caller may make at once", Wants: "429 with Retry-After, and no other caller is kept out",
			probe: tooOften,
		},
		{
			ID: "X3.no-network-ref", Level: Must, Reference: "MCP tools, input schemas", Sends: "tools/list", Wants: "the same schema, and no place of the network, in each $ref",
			probe: func(_ context.Context, t *target) (finding, error) {
				if ref := networkRef(t.list.message()); ref != "" {
					return judgeText("$ref "+ref, false), nil
				}
				return judgeText(fmt.Sprintf("%d tools", len(t.tools)), len(t.tools) > 0), nil
			},
		},
	}
}

// tooOften asks as a subject that no other check has.
func tooOften(ctx context.Context, t *target) (finding, error) {
	if t.RateLimit == 0 {
		return skip("no rate limit is configured"), nil
	}
	for range t.RateLimit + 1 {
		a, err := t.sendWith(ctx, oauthtest.Claims{"sub": "rsauth-hasty"})
		if err != nil {
			return finding{}, err
		}
		if a.Status != http.StatusTooManyRequests {
			continue
		}
		if a.Header.Get("Retry-After") == "" {
			return judgeText(a.String()+" without Retry-After", false), nil
		}
		other, err := t.sendWith(ctx, oauthtest.Claims{"sub": "rsauth-patient"})
		if err != nil {
			return finding{}, err
		}
		return judgeText(a.String()+", and for another subject "+other.String(), other.accepted()), nil
	}
	return judgeText(fmt.Sprintf("no 429 to %d requests", t.RateLimit+1), false), nil
}

// networkRef returns a $ref anywhere within v that leads to the network, "" for
// none.
func networkRef(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if ref, ok := member.(string); ok && name == "$ref" && strings.Contains(ref, "://") {
				return ref
			}
			if ref := networkRef(member); ref != "" {
				return ref
			}
		}
	case []any:
		for _, element := range v {
			if ref := networkRef(element); ref != "" {
				return ref
			}
		}
	}
	return ""
}
