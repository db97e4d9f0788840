package checks

import (
	"context"
	"encoding/json"
)

// inputChecks look at arguments that do not fit the schema of the tool.
func inputChecks() []Check {
	return []Check{{
		ID: "X1.invalid-arguments", Level: Must, Reference: "MCP tools, security", Sends: "a call whose arguments do not fit the input schema", Wants: "isError, or code -32602",
		probe: func(ctx context.Context, t *target) (finding, error) {
			args := t.wrongArguments()
			if args == nil {
				return skip("no tool with a required argument, or one of a known type, is configured"), nil
			}
			a, err := t.call(ctx, t.allScopes(), args)
			if err != nil {
				return finding{}, err
			}
			isError, _ := a.result()["isError"].(bool)
			return judge(a, isError || a.code() == codeInvalidParams), nil
		},
	}}
}

// wrongArguments leave a required one out, or give one of another type; nil
// when the schema allows anything.
func (t *target) wrongArguments() json.RawMessage {
	tool := t.tool(t.Tool)
	if tool == nil {
		return nil
	}
	if len(tool.InputSchema.Required) > 0 {
		return json.RawMessage("{}")
	}
	for name, p := range tool.InputSchema.Properties {
		switch p.Type {
		case "string":
			return encode(map[string]any{name: 7})
		case "number", "integer", "boolean", "array", "object":
			return encode(map[string]any{name: "seven"})
		}
	}
	return nil
}

// featureChecks look at what a server that says it has tools only answers.
func featureChecks() []Check {
	var checks []Check
	for _, feature := range []string{"prompts", "resources"} {
		method := feature + "/list"
		checks = append(checks, Check{
			ID: "X4." + feature, Level: Must, Reference: "MCP " + feature + ", capabilities", Sends: method + " to a server that does not say it has " + feature, Wants: "code -32601",
			probe: func(ctx context.Context, t *target) (finding, error) {
				has, err := t.has(ctx, feature)
				if err != nil {
					return finding{}, err
				}
				if has {
					return skip("the server says it has " + feature), nil
				}
				a, err := t.sendGood(ctx, request{method: method})
				if err != nil {
					return finding{}, err
				}
				return judge(a, a.code() == codeMethodNotFound), nil
			},
		})
	}
	return checks
}

// has tells whether the server declares a capability.
func (t *target) has(ctx context.Context, capability string) (bool, error) {
	method := "server/discover"
	if !t.modern() {
		method = "initialize"
	}
	a, err := t.sendGood(ctx, request{method: method})
	if err != nil {
		return false, err
	}
	capabilities, _ := a.result()["capabilities"].(map[string]any)
	_, ok := capabilities[capability]
	return ok, nil
}
