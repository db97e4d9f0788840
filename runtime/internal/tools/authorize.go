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
	"github.com/securedmcp/operator/runtime/internal/tracing"
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
func authorize(c *Config, headers map[string]paramHeaders) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if outcome := policy.OutcomeFrom(ctx); outcome != nil {
				outcome.Dispatched(method)
			}
			if method != methodCallTool {
				return next(ctx, method, req)
			}
			call, ok := req.(*mcp.CallToolRequest)
			if !ok {
				return nil, errors.New("tools/call with parameters of another type")
			}
			return callTool(ctx, call, next, c, headers[call.Params.Name])
		}
	}
}

func callTool(ctx context.Context, req *mcp.CallToolRequest, next mcp.MethodHandler, c *Config, headers paramHeaders) (mcp.Result, error) {
	tool, p := req.Params.Name, c.Policy
	needs, known := p.ToolNeeds(tool)
	if !known {
		return next(ctx, methodCallTool, req) // the SDK says that there is no such tool
	}
	principal, outcome := authn.FromContext(ctx), policy.OutcomeFrom(ctx)
	if principal == nil || outcome == nil {
		return nil, errors.New("tools/call outside the door")
	}
	ctx, span := tracing.ToolCall(ctx, tool, metaText(req.Params.Meta, "traceparent"))
	names := p.Scopes.Names(needs.Scopes)
	d := httpmw.Judge(p, principal, needs, tool, names)
	if d == nil {
		if header := headers.mismatch(req); header != "" {
			d = &policy.Denial{Tool: tool, Header: header}
		}
	}
	if d != nil {
		c.Observer.ToolCalled(tool, string(audit.Denied), d.Reason())
		tracing.Ended(span, d.Reason())
		c.denied(ctx, principal, outcome, d)
		return nil, errDenied
	}
	outcome.Audited()
	ctx, answered := boundCall(ctx, principal, needs.Authentication, p.ClockSkew)
	defer answered()
	start, call := time.Now(), new(toolCall)
	result, err := recovered(next, c.Logger.With("tool", tool))(context.WithValue(ctx, toolCallKey{}, call), methodCallTool, req)
	reason := reasonOf(result, err)
	c.Observer.ToolCalled(tool, string(audit.Allowed), reason)
	tracing.Ended(span, reason)
	c.Audit.Write(ctx, audit.Event{
		Decision: audit.Allowed, Reason: reason, RequestID: httpmw.RequestID(ctx), TraceID: tracing.ID(ctx),
		Subject: principal.Subject, ClientID: principal.ClientID, Tool: tool,
		Needs: names, Holds: p.Scopes.Names(principal.Scopes),
		UpstreamStatus: call.upstreamStatus, Duration: time.Since(start),
	})
	return result, err
}

// denied notes a denial for the HTTP layer, with its audit line: of a batch each
// has one.
func (c *Config) denied(ctx context.Context, caller *authn.Principal, outcome *policy.Outcome, d *policy.Denial) {
	c.Audit.Write(ctx, audit.Event{
		Decision: audit.Denied, Reason: d.Reason(), RequestID: httpmw.RequestID(ctx), TraceID: tracing.ID(ctx),
		Subject: caller.Subject, ClientID: caller.ClientID, Tool: d.Tool,
		Needs: d.Scopes, Holds: c.Policy.Scopes.Names(caller.Scopes),
	})
	outcome.Deny(d)
}

// metaText returns a member of _meta that is a string, "" for any other.
func metaText(meta mcp.Meta, name string) string {
	s, _ := meta[name].(string)
	return s
}

func reasonOf(result mcp.Result, err error) string {
	switch {
	case errors.Is(err, errPanicked):
		return "panic"
	case err != nil:
		return "protocol_error"
	}
	if r, ok := result.(*mcp.CallToolResult); ok && r.IsError {
		return "tool_error"
	}
	return "ok"
}

// errNoMethod is the answer to methods that are not offered.
var errNoMethod = &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "method not found"}

// toolsOnly answers that methods of features this server does not have do not
// exist, where the SDK would answer with empty lists.
func toolsOnly(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		for _, prefix := range []string{"prompts/", "resources/", "completion/", "logging/"} {
			if strings.HasPrefix(method, prefix) {
				return nil, errNoMethod
			}
		}
		return next(ctx, method, req)
	}
}
