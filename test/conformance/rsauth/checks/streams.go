package checks

import (
	"context"
	"fmt"
	"net/http"
)

// streamChecks look at answers that are event streams.
func streamChecks() []Check {
	return []Check{{
		ID: "T11.no-buffering", Level: Should, Reference: "MCP streamable HTTP", Sends: "subscriptions/listen", Wants: "a stream with X-Accel-Buffering: no", since: Modern,
		probe: func(ctx context.Context, t *target) (finding, error) {
			a, err := t.sendGood(ctx, request{method: "subscriptions/listen", params: map[string]any{"notifications": map[string]any{"toolsListChanged": true}}})
			if err != nil {
				return finding{}, err
			}
			if a.Status == http.StatusNotFound {
				return skip("the server has no subscriptions"), nil
			}
			if a.Status != http.StatusOK || !isEvents(a.Header) {
				return judge(a, false), nil
			}
			value := a.Header.Get("X-Accel-Buffering")
			return judgeText(fmt.Sprintf("%s X-Accel-Buffering=%q", a, value), value == "no"), nil
		},
	}}
}
