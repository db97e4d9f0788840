package tools

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A client that lists what a server offers ends no process, whatever the SDK makes of it.
func TestAMethodThatPanicsFailsItsRequestOnly(t *testing.T) {
	var logs strings.Builder
	server := mcp.NewServer(&mcp.Implementation{Name: "s", Version: "1"}, nil)
	boom := func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if method == "tools/list" {
				panic("s3cr3t")
			}
			return next(ctx, method, req)
		}
	}
	server.AddReceivingMiddleware(unbroken(slog.New(slog.NewJSONHandler(&logs, nil))), boom)
	there, here := mcp.NewInMemoryTransports()
	if _, err := server.Connect(t.Context(), there, nil); err != nil {
		t.Fatal(err)
	}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "c", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListTools(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "internal error") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("error %v, want an internal one that says no more", err)
	}
	if err := client.Ping(t.Context(), nil); err != nil {
		t.Errorf("the next request: %v", err)
	}
	if got := logs.String(); !strings.Contains(got, `"method panicked"`) || strings.Contains(got, "s3cr3t") {
		t.Errorf("log %s", got)
	}
}
