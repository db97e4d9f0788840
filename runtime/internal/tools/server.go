// Package tools builds the MCP server that offers the declared tools, with the
// policy in front of them.
package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/api/config/compile"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/upstream"
)

// listTTL is how long a client may keep the tool list: short, because a policy
// change must show.
const listTTL = 10 * time.Second

// Observer is told of tool calls and upstream calls.
type Observer interface {
	upstream.Observer
	ToolCalled(tool, decision, reason string)
}

// Config is what a server is built from.
type Config struct {
	Runtime *config.RuntimeConfig
	Policy  *policy.Policy
	// WhenRevoked has a function called when those whom Policy let in have to be judged
	// anew, unless stop is called before.
	WhenRevoked func(func()) (stop func() bool)
	// Builtins answer the tools whose upstream is builtin.
	Builtins map[string]mcp.ToolHandler
	Audit    *audit.Log
	Observer Observer
	// Logger is told of tools that panic.
	Logger *slog.Logger
	// Version is the runtime's own, told to clients.
	Version string
}

// silent is the SDK's logger: its messages may quote what a client sent.
var silent = slog.New(slog.DiscardHandler)

// Server is an MCP server over HTTP. It expects authenticated requests.
type Server struct {
	http.Handler

	// touch makes the SDK tell its streams that the tool list has changed.
	touch     func()
	streams   *streams
	upstreams []*upstream.HTTP
}

// Close gives the upstreams' idle connections back.
func (s *Server) Close() {
	for _, u := range s.upstreams {
		u.Close()
	}
}

// NewServer compiles every tool of the configuration. It fails rather than
// leave one out.
func NewServer(c Config) (*Server, error) {
	apis, err := newUpstreams(c)
	if err != nil {
		return nil, err
	}
	impl := &mcp.Implementation{Name: c.Runtime.Name, Title: c.Runtime.Title, Version: c.Version}
	server := mcp.NewServer(impl, &mcp.ServerOptions{
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{ListChanged: true}},
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) {
			c.CacheScope, c.TTLMs = "private", int(listTTL.Milliseconds())
		},
		Logger: silent,
	})
	s := &Server{touch: func() { touchEmpty(server) }, streams: newStreams()}
	headers, listed := map[string]paramHeaders{}, catalog{}
	for i := range c.Runtime.Tools {
		t := &c.Runtime.Tools[i]
		schema, err := compile.NewSchema(t.InputSchema)
		if err != nil {
			return nil, fmt.Errorf("tools[%d].inputSchema (%s): %w", i, t.Name, err)
		}
		handler, err := newHandler(c, t, schema, apis)
		if err != nil {
			return nil, fmt.Errorf("tools[%d] (%s): %w", i, t.Name, err)
		}
		headers[t.Name], listed[t.Name] = schema.ParamHeaders(), declaration(t)
		// To the SDK, adding a tool again is a change of the list; requests that
		// are under way see no difference.
		s.touch = func() { server.AddTool(&mcp.Tool{Name: t.Name, InputSchema: anyArguments}, handler) }
		s.touch()
	}
	server.AddReceivingMiddleware(noteFailures, unbroken(c.Logger), toolsOnly, listed.middleware, s.streams.middleware(&c), authorize(&c, headers))
	s.Handler = newHandlers(server, &c, reportsProgress(c.Runtime))
	for _, api := range apis {
		s.upstreams = append(s.upstreams, api)
	}
	return s, nil
}

// touchEmpty is touch for a server without tools: a tool comes and goes. Nobody sees
// it, since lists and calls are answered by what is declared.
func touchEmpty(server *mcp.Server) {
	const name = "nothing"
	server.AddTool(&mcp.Tool{Name: name, InputSchema: anyArguments}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, errors.New("there is no such tool")
	})
	server.RemoveTools(name)
}

// newHandlers answers in JSON, and where progress is asked for and a tool can
// report it as an event stream.
func newHandlers(server *mcp.Server, c *Config, progress bool) http.Handler {
	handler := func(json bool) http.Handler {
		return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
			Stateless:                    true,
			JSONResponse:                 json,
			DisableLocalhostProtection:   true, // the Host allow-list is stricter
			PropagateRequestCancellation: true,
			MaxRequestBodyBytes:          -1, // limits.requestBytes was seen to, and may be more than the SDK's own
			Logger:                       silent,
		})
	}
	documents := handler(true)
	if !progress {
		return documents
	}
	events := boundStream(handler(false), c)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if httpmw.WantsProgress(req.Context()) {
			events.ServeHTTP(w, req)
			return
		}
		documents.ServeHTTP(w, req)
	})
}

// reportsProgress tells whether there is a tool that can: one HTTP request has
// nothing to report before it ends.
func reportsProgress(c *config.RuntimeConfig) bool {
	return slices.ContainsFunc(c.Tools, func(t config.Tool) bool { return t.Upstream == config.UpstreamBuiltin })
}

// maxAnswer is how many bytes an upstream or a builtin tool may answer.
func maxAnswer(c *config.RuntimeConfig) int64 {
	return cmp.Or(c.Limits.ResponseBytes, config.DefaultResponseBytes)
}

func newUpstreams(c Config) (map[string]*upstream.HTTP, error) {
	apis := make(map[string]*upstream.HTTP, len(c.Runtime.Upstreams))
	for _, u := range c.Runtime.Upstreams {
		api, err := upstream.NewHTTP(u, maxAnswer(c.Runtime), c.Observer)
		if err != nil {
			return nil, err
		}
		apis[u.Name] = api
	}
	return apis, nil
}

// backend answers a call of a tool with validated arguments and tells the
// status of the upstream, 0 where there was none.
type backend interface {
	call(ctx context.Context, args map[string]any) (*mcp.CallToolResult, int)
}

func newHandler(c Config, t *config.Tool, schema *compile.Schema, apis map[string]*upstream.HTTP) (mcp.ToolHandler, error) {
	if t.Upstream == config.UpstreamBuiltin {
		return newBuiltinHandler(schema, c.Builtins[t.Name], maxAnswer(c.Runtime))
	}
	b, err := newBackend(t, apis)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, err := schema.Arguments(req.Params.Arguments)
		if err != nil {
			return badArguments(err), nil
		}
		result, status := b.call(ctx, args)
		if call := callFrom(ctx); call != nil {
			call.upstreamStatus = status
		}
		return result, nil
	}, nil
}

func newBackend(t *config.Tool, apis map[string]*upstream.HTTP) (backend, error) {
	api := apis[t.Upstream]
	if api == nil || t.HTTP == nil {
		return nil, fmt.Errorf("upstream %q with http: no such backend", t.Upstream)
	}
	return newHTTPTool(*t.HTTP, api)
}
