package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/api/config/compile"
)

func TestResultsOfBuiltinToolsAreBounded(t *testing.T) {
	const limit = 1000
	long, short := strings.Repeat("a", limit+1), strings.Repeat("a", limit)
	text := success
	for name, tc := range map[string]struct {
		result  *mcp.CallToolResult
		bounded bool
	}{
		"text as long as allowed":       {text(short), false},
		"text that is too long":         {text(long), true},
		"an error that is too long":     {failure(long), true},
		"texts that are together":       {&mcp.CallToolResult{Content: []mcp.Content{text(short).Content[0], text("a").Content[0]}}, true},
		"a picture":                     {&mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{Data: []byte(short), MIMEType: "image/png"}}}, true},
		"a text with notes":             {&mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: long, Annotations: &mcp.Annotations{}}}}, true},
		"structured content":            {&mcp.CallToolResult{StructuredContent: map[string]any{"a": long}}, true},
		"small structured content":      {&mcp.CallToolResult{StructuredContent: map[string]any{"a": 1}}, false},
		"meta":                          {&mcp.CallToolResult{Meta: mcp.Meta{"a": long}}, true},
		"nothing, which the SDK judges": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := callBuiltin(t, limit, tc.result, nil)
			if err != nil {
				t.Fatal(err)
			}
			if bounded := got != tc.result && got.IsError; bounded != tc.bounded {
				t.Errorf("bounded %v, want %v", bounded, tc.bounded)
			}
		})
	}
}

func TestErrorsOfBuiltinToolsAreBounded(t *testing.T) {
	const limit = 1000
	long, short := strings.Repeat("a", limit+1), strings.Repeat("a", limit)
	withData := func(n int) error {
		return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "no", Data: json.RawMessage(`"` + strings.Repeat("a", n-2) + `"`)}
	}
	for name, tc := range map[string]struct {
		err     error
		bounded bool
	}{
		"text as long as allowed":       {errors.New(short), false},
		"text that is too long":         {errors.New(long), true},
		"a cause that is too long":      {fmt.Errorf("looking: %w", errors.New(short)), true},
		"a code and a text":             {&jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: short}, false},
		"a code and a text of too much": {&jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: long}, true},
		"data as large as allowed":      {withData(limit - 2), false},
		"data that is too large":        {withData(limit), true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := callBuiltin(t, limit, nil, tc.err)
			if tc.bounded {
				if err != nil || got == nil || !got.IsError {
					t.Errorf("result %v, error %v; want a tool error", got, err)
				}
				return
			}
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want it as it was", err)
			}
		})
	}
}

// callBuiltin calls a tool that answers so.
func callBuiltin(t *testing.T, limit int64, result *mcp.CallToolResult, answer error) (*mcp.CallToolResult, error) {
	t.Helper()
	schema, err := compile.NewSchema(json.RawMessage(`{"type":"object"}`))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newBuiltinHandler(schema, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return result, answer }, limit)
	if err != nil {
		t.Fatal(err)
	}
	return handler(t.Context(), &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Arguments: json.RawMessage(`{}`)}})
}
