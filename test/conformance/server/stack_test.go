package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The suites run apart from the other tests: this shows that their server works.
func TestEveryToolOfTheScenariosAnswers(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	s, err := start(ctx, "127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		if err := s.wait(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true}})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: s.url, MaxRetries: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	list, err := session.ListTools(ctx, nil)
	if err != nil || len(list.Tools) != len(tools())+1 {
		t.Fatalf("%v, %d tools; want %d and the one that changes the list", err, len(list.Tools), len(tools()))
	}
	wantsMore := map[string]bool{"test_missing_capability": true, "test_error_handling": true, "json_schema_2020_12_tool": true}
	for _, tool := range list.Tools {
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool.Name})
		if failed := err != nil || result.IsError; failed != wantsMore[tool.Name] {
			t.Errorf("%s: %+v, %v", tool.Name, result, err)
		}
	}
}
