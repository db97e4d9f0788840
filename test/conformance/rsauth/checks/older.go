package checks

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// Revisions that have what is gone by now.
const (
	lastUnvalidated = "2025-06-18" // its servers ignore Mcp-Method and Mcp-Name
	batches         = "2025-03-26"
)

// olderChecks look at ways around a decision that older revisions leave open.
func olderChecks() []Check {
	return []Check{
		{
			ID: "T13.name-of-another-tool", Level: Should, Reference: "MCP streamable HTTP, server validation", Sends: "a call of a tool without its scope, of " + lastUnvalidated + ", whose headers name a harmless request", Wants: "403, or another error",
			probe: func(ctx context.Context, t *target) (finding, error) {
				if t.Tool == "" {
					return skip(needsTool), nil
				}
				a, err := t.sendGood(ctx, request{
					method: "tools/call", params: map[string]any{"name": t.Tool, "arguments": t.ToolArguments}, noMeta: true,
					header: http.Header{"Mcp-Protocol-Version": {lastUnvalidated}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {t.otherTool()}},
				})
				if err != nil {
					return finding{}, err
				}
				return judge(a, !a.accepted() || a.code() != 0), nil
			},
		},
		{
			ID: "A8.batch", Level: Must, Reference: "MCP authorization; JSON-RPC batches of " + batches, Sends: "a call of a tool without its scope, in a batch", Wants: "403, or an error in its place",
			probe: func(ctx context.Context, t *target) (finding, error) {
				if t.Tool == "" {
					return skip(needsTool), nil
				}
				harmless, err := t.sendBatch(ctx, "tools/list", nil)
				if err != nil {
					return finding{}, err
				}
				if harmless.only()["result"] == nil {
					return skip("the server takes no batches"), nil
				}
				a, err := t.sendBatch(ctx, "tools/call", map[string]any{"name": t.Tool, "arguments": t.ToolArguments})
				if err != nil {
					return finding{}, err
				}
				return judge(a, !a.accepted() || a.only()["error"] != nil), nil
			},
		},
	}
}

// otherTool is a tool that is not the one with a scope of its own.
func (t *target) otherTool() string {
	i := slices.IndexFunc(t.tools, func(tool toolInfo) bool { return tool.Name != t.Tool })
	if i < 0 {
		return "unheard-of"
	}
	return t.tools[i].Name
}

// sendBatch sends one request in a batch, with a good token.
func (t *target) sendBatch(ctx context.Context, method string, params map[string]any) (*answer, error) {
	if params == nil {
		params = map[string]any{}
	}
	return t.sendGood(ctx, request{
		body:   encode([]any{map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params}}),
		header: http.Header{"Mcp-Protocol-Version": {batches}, "Mcp-Method": nil, "Mcp-Name": nil},
	})
}

// only is the one message of an answer to a batch, nil without one.
func (a *answer) only() map[string]any {
	if isEvents(a.Header) { // each message is an event of its own
		return a.message()
	}
	var messages []map[string]any
	if json.Unmarshal(a.Body, &messages) == nil && len(messages) == 1 {
		return messages[0]
	}
	return nil
}
