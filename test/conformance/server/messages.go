//nolint:staticcheck // the suites call for features that are deprecated, too
package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// pause is between the messages of a tool, as the scenarios want.
const pause = 50 * time.Millisecond

// messageTools tell the client something, or want something of it, while they
// run.
func messageTools() []tool {
	return []tool{
		{name: "test_tool_with_logging", description: "Logs three messages", handler: logThrice},
		{name: "test_tool_with_progress", description: "Reports progress three times", handler: progressThrice},
		{name: "test_logging_tool", description: "Logs a message if the request asks for logs", handler: logOnce},
		{name: "test_streaming_elicitation", description: "Answers without asking the client anything", handler: answer(text("done"))},
		{name: "test_missing_capability", description: "Needs a client that can sample", handler: needSampling},
	}
}

func logThrice(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for _, message := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
		if err := log(ctx, req, message); err != nil {
			return nil, err
		}
		time.Sleep(pause)
	}
	return done("logged three messages")
}

func logOnce(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if err := log(ctx, req, "test_logging_tool ran"); err != nil {
		return nil, err
	}
	return done("logged, if the request asked for it")
}

func log(ctx context.Context, req *mcp.CallToolRequest, message string) error {
	return req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Data: message})
}

func progressThrice(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	token := req.Params.GetProgressToken()
	for _, progress := range []float64{0, 50, 100} {
		if token != nil {
			p := &mcp.ProgressNotificationParams{ProgressToken: token, Progress: progress, Total: 100}
			_ = req.Session.NotifyProgress(ctx, p) // best effort; the scenario counts what arrives
		}
		time.Sleep(pause)
	}
	return done("reported progress, if the request asked for it")
}

func needSampling(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if c := req.ClientCapabilities(); c != nil && c.Sampling != nil {
		return done("the client can sample")
	}
	data, err := json.Marshal(mcp.MissingRequiredClientCapabilityData{
		RequiredCapabilities: &mcp.ClientCapabilities{Sampling: &mcp.SamplingCapabilities{}},
	})
	if err != nil {
		return nil, err
	}
	return nil, &jsonrpc.Error{Code: mcp.CodeMissingRequiredClientCapabilities, Message: "the client must be able to sample", Data: data}
}
