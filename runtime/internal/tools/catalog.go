package tools

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// anyArguments is the schema under which the SDK knows every tool. It would read
// the real one anew at each call, a fifth of what a call costs, to look for headers
// that repeat arguments; paramHeaders has them, and compile.Schema the arguments.
var anyArguments = json.RawMessage(`{"type":"object"}`)

// catalog is what tools/list tells of each tool, by name.
type catalog map[string]*mcp.Tool

// middleware puts the declarations in the place of what the SDK knows, and leaves
// out what nobody declared.
func (c catalog) middleware(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		if list, ok := result.(*mcp.ListToolsResult); ok && err == nil {
			list.Tools = slices.DeleteFunc(list.Tools, func(t *mcp.Tool) bool { return c[t.Name] == nil })
			for i, t := range list.Tools {
				list.Tools[i] = c[t.Name]
			}
		}
		return result, err
	}
}

func declaration(t *config.Tool) *mcp.Tool {
	tool := &mcp.Tool{Name: t.Name, Title: t.Title, Description: t.Description, InputSchema: t.InputSchema}
	if a := t.Annotations; a != nil {
		tool.Annotations = &mcp.ToolAnnotations{
			ReadOnlyHint: a.ReadOnlyHint != nil && *a.ReadOnlyHint, DestructiveHint: a.DestructiveHint,
			IdempotentHint: a.IdempotentHint != nil && *a.IdempotentHint, OpenWorldHint: a.OpenWorldHint,
		}
	}
	return tool
}
