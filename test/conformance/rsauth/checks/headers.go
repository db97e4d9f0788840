package checks

import (
	"context"
	"encoding/base64"
	"net/http"
)

// JSON-RPC error codes (MCP 2026-07-28).
const (
	codeMethodNotFound  = -32601
	codeInvalidParams   = -32602
	codeHeaderMismatch  = -32020
	codeVersionNotKnown = -32022
)

func rejected(statusCode, code int) func(*answer) bool {
	return func(a *answer) bool { return a.Status == statusCode && a.code() == code }
}

var mismatch = rejected(http.StatusBadRequest, codeHeaderMismatch)

const (
	mismatchWanted  = "400 with code -32020"
	headerReference = "MCP streamable HTTP, server validation"
)

// mismatched is a check that a header which does not repeat the body is refused.
func mismatched(id, sends, name string, values ...string) Check {
	return Check{
		ID: id, Level: Must, Reference: headerReference, Sends: sends, Wants: mismatchWanted, since: Modern,
		probe: withGood(header(name, values...), mismatch),
	}
}

// misnamed is the same for Mcp-Name: a call of a tool that is not made.
func misnamed(id, sends string, values ...string) Check {
	return Check{
		ID: id, Level: Must, Reference: headerReference, Sends: sends, Wants: mismatchWanted, since: Modern,
		probe: func(ctx context.Context, t *target) (finding, error) {
			if len(t.tools) == 0 {
				return skip("the server offers no tool"), nil
			}
			a, err := t.sendAll(ctx, request{
				method: "tools/call", header: http.Header{"Mcp-Name": values},
				params: map[string]any{"name": t.tools[0].Name, "arguments": map[string]any{}},
			})
			if err != nil {
				return finding{}, err
			}
			return judge(a, mismatch(a)), nil
		},
	}
}

// sendAll sends r with a token that has all scopes.
func (t *target) sendAll(ctx context.Context, r request) (*answer, error) {
	token, err := t.token(map[string]any{"scope": t.allScopes()})
	if err != nil {
		return nil, err
	}
	r.token = token
	return t.send(ctx, r)
}

func encoded(s string) string {
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

// headerChecks look at the headers that repeat the body: who decides by them
// must be able to trust them.
func headerChecks() []Check {
	return []Check{
		mismatched("T5.no-version", "no MCP-Protocol-Version", "MCP-Protocol-Version"),
		mismatched("T5.other-version", "another MCP-Protocol-Version than in _meta", "MCP-Protocol-Version", Legacy),
		mismatched("T5.no-method", "no Mcp-Method", "Mcp-Method"),
		mismatched("T5.other-method", "another Mcp-Method than in the body", "Mcp-Method", "server/discover"),
		mismatched("T5.two-versions", "two MCP-Protocol-Version, of which the first is right", "MCP-Protocol-Version", Modern, Legacy),
		mismatched("T5.two-methods", "two Mcp-Method, of which the first is right", "Mcp-Method", "tools/list", "server/discover"),
		mismatched("T5.method-in-another-case", "the Mcp-Method in upper case", "Mcp-Method", "TOOLS/LIST"),
		misnamed("T5.no-name", "tools/call without Mcp-Name"),
		misnamed("T5.other-name", "tools/call with another Mcp-Name than in the body", "unheard-of"),
		misnamed("T5.other-name-encoded", "tools/call with another Mcp-Name, in base64", encoded("unheard-of")),
		misnamed("T5.name-badly-encoded", "tools/call with an Mcp-Name that is no base64", "=?base64?%%%?="),
		{
			ID: "T5.two-names", Level: Must, Reference: headerReference, Sends: "tools/call with two Mcp-Name, of which the first is right", Wants: mismatchWanted, since: Modern,
			probe: func(ctx context.Context, t *target) (finding, error) {
				if len(t.tools) == 0 {
					return skip("the server offers no tool"), nil
				}
				a, err := t.sendAll(ctx, request{
					method: "tools/call", header: http.Header{"Mcp-Name": {t.tools[0].Name, "unheard-of"}},
					params: map[string]any{"name": t.tools[0].Name, "arguments": map[string]any{}},
				})
				if err != nil {
					return finding{}, err
				}
				return judge(a, mismatch(a)), nil
			},
		},
		{
			ID: "T5.name-encoded", Level: Must, Reference: "MCP streamable HTTP, value encoding", Sends: "tools/call with the Mcp-Name in base64", Wants: "anything but code -32020", since: Modern,
			probe: func(ctx context.Context, t *target) (finding, error) {
				if t.Tool == "" {
					return skip(needsTool), nil
				}
				a, err := t.sendAll(ctx, request{
					method: "tools/call", header: http.Header{"Mcp-Name": {encoded(t.Tool)}},
					params: map[string]any{"name": t.Tool, "arguments": t.ToolArguments},
				})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.accepted()), nil
			},
		},
	}
}

// parameterChecks look at arguments that are repeated in headers.
func parameterChecks() []Check {
	const reference = "MCP streamable HTTP, custom headers"
	check := func(id, sends, wants string, value []string, ok func(*answer) bool) Check {
		return Check{
			ID: id, Level: Must, Reference: reference, Sends: "tools/call with " + sends, Wants: wants, since: Modern,
			probe: func(ctx context.Context, t *target) (finding, error) {
				tool, argument, name := t.headerArgument()
				if tool == "" {
					return skip("no tool has a string argument with x-mcp-header and no other required one"), nil
				}
				a, err := t.sendAll(ctx, request{
					method: "tools/call", header: http.Header{http.CanonicalHeaderKey("Mcp-Param-" + name): value},
					params: map[string]any{"name": tool, "arguments": map[string]any{argument: "Grüße"}},
				})
				if err != nil {
					return finding{}, err
				}
				return judge(a, ok(a)), nil
			},
		}
	}
	return []Check{
		check("T6.no-parameter", "an argument that its header does not repeat", mismatchWanted, nil, mismatch),
		check("T6.other-parameter", "an argument that its header contradicts", mismatchWanted, []string{"other"}, mismatch),
		check("T6.two-parameters", "an argument that the first of two headers repeats", mismatchWanted, []string{encoded("Grüße"), "other"}, mismatch),
		check("T6.parameter-not-encoded", "an argument whose header has its letters as they are", mismatchWanted, []string{"Grüße"}, mismatch),
		check("T6.parameter-badly-encoded", "an argument whose header is no base64", mismatchWanted, []string{"=?base64?R3LDvMOfZQ?="}, mismatch),
		check("T6.parameter-encoded", "an argument that its header repeats in base64", "200", []string{encoded("Grüße")}, (*answer).accepted),
	}
}

// headerArgument finds an argument that a header repeats.
func (t *target) headerArgument() (tool, argument, name string) {
	for _, tool := range t.tools {
		for argument, p := range tool.InputSchema.Properties {
			required := tool.InputSchema.Required
			alone := len(required) == 0 || len(required) == 1 && required[0] == argument
			if typ, _ := p.Type.(string); p.Header != "" && typ == "string" && alone {
				return tool.Name, argument, p.Header
			}
		}
	}
	return "", "", ""
}
