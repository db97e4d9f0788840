package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/prometheus/client_golang/prometheus"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/telemetry"
	"github.com/securedmcp/operator/test/oauthtest"
)

const benchCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"},` +
	`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`

func benchEcho(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(req.Params.Arguments)}}}, nil
}

// BenchmarkHandler measures an authenticated tools/call without the network:
// what the layers in front of the tool cost and allocate.
func BenchmarkHandler(b *testing.B) {
	const resource = "https://mcp.example.com/bench"
	schema := json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}`)
	issuer := oauthtest.New(b, oauthtest.WithAudience(resource))
	raw, err := config.Encode(&config.RuntimeConfig{
		Name: "bench", Resource: resource, Issuer: issuer.Issuer(), Audience: resource,
		Scopes: []config.Scope{{Name: "call"}}, RequiredScopes: []string{"call"},
		Tools: []config.Tool{{Name: "echo", Scopes: []string{"call"}, InputSchema: schema, Upstream: config.UpstreamBuiltin}},
	})
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "config.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		b.Fatal(err)
	}
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	logger := slog.New(slog.NewJSONHandler(log, nil))
	metrics := telemetry.New(prometheus.NewRegistry())
	build := builder{
		floor:   new(tlsFloor),
		options: Options{ConfigFile: file, Logger: logger, Builtins: map[string]mcp.ToolHandler{"echo": benchEcho}},
		metrics: metrics, keys: newKeyPool(metrics, logger, time.Now),
	}
	src, err := build.read()
	if err != nil {
		b.Fatal(err)
	}
	instance, err := build.build(b.Context(), src)
	if err != nil {
		b.Fatal(err)
	}
	defer instance.Close()
	sdk := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	sdk.AddTool(&mcp.Tool{Name: "echo", InputSchema: schema}, benchEcho)
	token := "Bearer " + issuer.Token(oauthtest.Claims{"scope": "call"})
	bare := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return sdk }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	for _, bm := range []struct {
		name    string
		handler http.Handler
		token   string
		status  int
	}{
		{"runtime", instance, token, http.StatusOK},
		{"go-sdk-no-auth", bare, token, http.StatusOK},
		{"garbage-refused", instance, "Bearer garbage", http.StatusUnauthorized},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, resource, strings.NewReader(benchCall))
				req.Header = http.Header{
					"Authorization": {bm.token}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
					"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"echo"},
				}
				rec := httptest.NewRecorder()
				bm.handler.ServeHTTP(rec, req)
				if rec.Code != bm.status {
					b.Fatalf("status %d: %s", rec.Code, rec.Body)
				}
			}
		})
	}
}
