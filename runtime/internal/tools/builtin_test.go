package tools

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

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
			schema, err := compile.NewSchema(json.RawMessage(`{"type":"object"}`))
			if err != nil {
				t.Fatal(err)
			}
			handler, err := newBuiltinHandler(schema, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return tc.result, nil }, limit)
			if err != nil {
				t.Fatal(err)
			}
			got, err := handler(t.Context(), &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Arguments: json.RawMessage(`{}`)}})
			if err != nil {
				t.Fatal(err)
			}
			if bounded := got != tc.result && got.IsError; bounded != tc.bounded {
				t.Errorf("bounded %v, want %v", bounded, tc.bounded)
			}
		})
	}
}
