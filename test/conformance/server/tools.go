package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// tool is a tool as a scenario wants it, behind the runtime's builtin upstream.
type tool struct {
	name        string
	description string
	// schema defaults to an object without properties.
	schema  string
	handler mcp.ToolHandler
}

const noArguments = `{"type":"object"}`

// tools are all that the scenarios of both suites call. Names and answers are
// given by the suites.
func tools() []tool {
	return slices.Concat(contentTools(), messageTools(), schemaTools(), inputTools())
}

func (t tool) declaration() config.Tool {
	return config.Tool{
		Name: t.name, Description: t.description, Upstream: config.UpstreamBuiltin,
		InputSchema: json.RawMessage(cmp.Or(t.schema, noArguments)),
	}
}

// handlers are those of all tools.
func handlers(c *configFile) map[string]mcp.ToolHandler {
	byName := map[string]mcp.ToolHandler{}
	for _, t := range slices.Concat(tools(), []tool{changing(c)}) {
		byName[t.name] = t.handler
	}
	return byName
}

// answer is a handler that always answers the same.
func answer(content ...mcp.Content) mcp.ToolHandler {
	return func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	}
}

func text(s string) *mcp.TextContent { return &mcp.TextContent{Text: s} }

func done(s string) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{text(s)}}, nil
}
