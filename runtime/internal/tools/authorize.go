package tools

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

const methodCallTool = "tools/call"

// toolCall gathers what the audit line of one call will say.
type toolCall struct {
	upstreamStatus int
}

type toolCallKey struct{}

func callFrom(ctx context.Context) *toolCall {
	c, _ := ctx.Value(toolCallKey{}).(*toolCall)
	return c
}

// errDenied is what the SDK sees of a denial. The HTTP layer answers in its
// place.
var errDenied = &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "not authorized"}

// authorize decides about each tools/call by the name that the SDK parsed and
// will dispatch on. A second look at the body could see another name.
func authorize(p *policy.Policy, log *audit.Log, observer Observer) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if method != methodCallTool {
				return next(ctx, method, req)
			}
			call, ok := req.(*mcp.CallToolRequest)
			if !ok {
				return nil, errors.New("tools/call with parameters of another type")
			}
			return callTool(ctx, call, next, p, log, observer)
		}
	}
}

func callTool(ctx context.Context, req *mcp.CallToolRequest, next mcp.MethodHandler, p *policy.Policy, log *audit.Log, observer Observer) (mcp.Result, error) {
	tool := req.Params.Name
	needs, known := p.ToolNeeds(tool)
	if !known {
		return next(ctx, methodCallTool, req) // the SDK says that there is no such tool
	}
	principal, outcome := authn.FromContext(ctx), policy.OutcomeFrom(ctx)
	if principal == nil || outcome == nil {
		return nil, errors.New("tools/call outside the door")
	}
	names := p.Scopes.Names(needs.Scopes)
	if d := httpmw.Judge(p, principal, needs, tool, names); d != nil {
		observer.ToolCalled(tool, string(audit.Denied), d.Reason())
		outcome.Deny(d)
		return nil, errDenied
	}
	start, call := time.Now(), new(toolCall)
	result, err := recovered(next)(context.WithValue(ctx, toolCallKey{}, call), methodCallTool, req)
	reason := reasonOf(result, err)
	observer.ToolCalled(tool, string(audit.Allowed), reason)
	log.Write(ctx, audit.Event{
		Decision: audit.Allowed, Reason: reason, RequestID: httpmw.RequestID(ctx),
		Subject: principal.Subject, ClientID: principal.ClientID, Tool: tool,
		Needs: names, Holds: p.Scopes.Names(principal.Scopes),
		UpstreamStatus: call.upstreamStatus, Duration: time.Since(start),
	})
	return result, err
}

// recovered turns a panic of a tool into an error of its call. The SDK runs tools
// in goroutines of its own, where nothing else would stop the panic.
func recovered(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (result mcp.Result, err error) {
		defer func() {
			if recover() != nil {
				result, err = nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "internal error"}
			}
		}()
		return next(ctx, method, req)
	}
}

func reasonOf(result mcp.Result, err error) string {
	if err != nil {
		return "protocol_error"
	}
	if r, ok := result.(*mcp.CallToolResult); ok && r.IsError {
		return "tool_error"
	}
	return "ok"
}

// toolsOnly answers that methods of features this server does not have do not
// exist, where the SDK would answer with empty lists.
func toolsOnly(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		for _, prefix := range []string{"prompts/", "resources/", "completion/", "logging/"} {
			if strings.HasPrefix(method, prefix) {
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "method not found"}
			}
		}
		return next(ctx, method, req)
	}
}
