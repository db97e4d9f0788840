package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/api/config/compile"
)

// newBuiltinHandler returns the tool that is a Go function of this image. What it
// answers, errors included, may be as large as its caller makes it, and is bounded as
// the answers of upstreams are.
func newBuiltinHandler(schema *compile.Schema, handler mcp.ToolHandler, maxBytes int64) (mcp.ToolHandler, error) {
	if handler == nil {
		return nil, errors.New("upstream builtin: this runtime image has no such tool")
	}
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, err := schema.Arguments(req.Params.Arguments)
		if err != nil {
			return badArguments(err), nil
		}
		// The handler gets what was validated, not what was sent.
		if req.Params.Arguments, err = json.Marshal(args); err != nil {
			return nil, fmt.Errorf("encoding arguments: %w", err)
		}
		result, err := handler(ctx, req)
		size, unmeasured := answerBytes(result, err)
		if unmeasured != nil {
			return nil, fmt.Errorf("encoding the result: %w", unmeasured)
		}
		if size > maxBytes {
			return failure("the tool's answer is larger than is allowed"), nil
		}
		return result, err
	}, nil
}

// answerBytes is how large an answer is, which is either of the two.
func answerBytes(result *mcp.CallToolResult, err error) (int64, error) {
	switch {
	case err != nil:
		return errorBytes(err), nil
	case result == nil:
		return 0, nil
	}
	return resultBytes(result)
}

// errorBytes is how large the text of an error is, with the data that one of
// JSON-RPC carries.
func errorBytes(err error) int64 {
	size := len(err.Error())
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		size += len(e.Data)
	}
	return int64(size)
}

// resultBytes is how large a result is: its text as it is, what else it has as it is
// encoded. Plain text, which most results are, is not encoded to be measured.
func resultBytes(result *mcp.CallToolResult) (int64, error) {
	rest, size := *result, 0
	rest.Content = nil
	for _, c := range result.Content {
		text, ok := c.(*mcp.TextContent)
		if !ok || text.Meta != nil || text.Annotations != nil {
			rest.Content = append(rest.Content, c)
			continue
		}
		size += len(text.Text)
	}
	if rest.Content == nil && rest.StructuredContent == nil && rest.Meta == nil {
		return int64(size), nil
	}
	encoded, err := json.Marshal(&rest)
	return int64(size + len(encoded)), err
}
