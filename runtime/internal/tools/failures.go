package tools

import (
	"context"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/runtime/internal/policy"
)

// noteFailures tells the HTTP layer of errors, whose status may be 200. Denials it
// knows, and who has left gets no answer.
func noteFailures(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		if outcome := policy.OutcomeFrom(ctx); outcome != nil && err != nil && !errors.Is(err, errDenied) && ctx.Err() == nil {
			outcome.Fail(failureOf(err))
		}
		return result, err
	}
}

func failureOf(err error) policy.Failure {
	if errors.Is(err, errPanicked) {
		return policy.FailureOfServer
	}
	return policy.FailureOfCaller
}
