package tools

import (
	"context"
	"log/slog"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/runtime/internal/crash"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
)

// errPanicked is what the caller sees of a panic.
var errPanicked = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "internal error"}

// recovered turns a panic of next into an error of its call. The SDK runs methods in
// goroutines of its own, where nothing else would stop the panic, and the process would
// end with it.
func recovered(next mcp.MethodHandler, logger *slog.Logger) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (result mcp.Result, err error) {
		defer func() {
			if p := recover(); p != nil {
				logger.With("requestID", httpmw.RequestID(ctx)).ErrorContext(ctx, "method panicked", crash.Attrs(p)...)
				result, err = nil, errPanicked
			}
		}()
		return next(ctx, method, req)
	}
}

// unbroken does that for every method; tools have theirs, which their audit lines tell of.
func unbroken(logger *slog.Logger) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler { return recovered(next, logger) }
}
