package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
)

// Servers that are measured. Each runs alone in a process of this test binary.
const (
	// serverRaw answers with net/http and does nothing else: the floor.
	serverRaw = "net-http"
	// serverRefusing is the same and refuses: the floor of a refusal.
	serverRefusing = "net-http-401"
	// serverSDK is the MCP SDK's stateless handler with no authentication.
	serverSDK = "go-sdk-no-auth"
	// serverTuned is the same with the runtime's settings of the garbage collector.
	serverTuned = "go-sdk-tuned"
	// serverRuntime is the runtime, with all that stands in front of a tool.
	serverRuntime = "runtime"
	// serverUnpaced is the runtime that has no stranger wait in a flood: what a
	// refusal takes is not seen while its sender waits.
	serverUnpaced = "runtime-unpaced"
)

const (
	resource   = "https://mcp.example.com/bench"
	echoSchema = `{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}`
)

// serve runs the named server and prints its address.
func serve(name, issuer string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch name {
	case serverRuntime:
		return serveOurs(ctx, issuer, app.DefaultRefusalsPerSecond)
	case serverUnpaced:
		return serveOurs(ctx, issuer, -1)
	}
	if name == serverTuned {
		defer app.TuneGC()()
	}
	handlers := map[string]http.Handler{serverRaw: rawHandler(), serverRefusing: refusingHandler(), serverSDK: sdkHandler(), serverTuned: sdkHandler()}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handlers[name]}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	_ = server.Serve(listener)
	return nil
}

func rawHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{}}`))
	})
}

// refusingHandler says as much as the runtime does to a stranger.
func refusingHandler() http.Handler {
	const challenge = `Bearer error="invalid_token", error_description="The access token is missing, expired, malformed or not for this server", ` +
		`scope="call", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/bench"`
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", challenge)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"invalid_token"}`))
	})
}

func sdkHandler() http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	server.AddTool(&mcp.Tool{Name: "echo", InputSchema: json.RawMessage(echoSchema)}, echo)
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, DisableLocalhostProtection: true,
	})
}

func echo(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(req.Params.Arguments)}}}, nil
}

// serveOurs logs to a pipe, audit lines included, as a pod does. A file beside the
// configuration would not do: each line would have the runtime, which watches that
// directory, look whether the configuration has changed.
func serveOurs(ctx context.Context, issuer string, refusalsPerSecond int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	raw, err := config.Encode(&config.RuntimeConfig{
		Name: "bench", Resource: resource, Issuer: issuer, Audience: resource,
		Scopes: []config.Scope{{Name: "call"}, {Name: "admin", Implies: []string{"call"}}}, RequiredScopes: []string{"call"},
		Tools: []config.Tool{{Name: "echo", Scopes: []string{"call"}, InputSchema: json.RawMessage(echoSchema), Upstream: config.UpstreamBuiltin}},
	})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "config.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return err
	}
	defer app.TuneGC()()
	server, err := app.Start(ctx, app.Options{
		ConfigFile: file, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", DrainDelay: -1, RefusalsPerSecond: refusalsPerSecond,
		Logger: app.NewLogger(os.Stdout, nil), Builtins: map[string]mcp.ToolHandler{"echo": echo},
	})
	if err != nil {
		return err
	}
	fmt.Println(server.Addr())
	return server.Wait()
}
