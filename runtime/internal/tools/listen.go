package tools

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/runtime/internal/authn"
)

const (
	methodListen     = "subscriptions/listen"
	methodInitialize = "initialize"
	// notifyGrace is how long a retired server keeps its streams to tell them
	// that the tool list has changed. The SDK sends notifications a moment late,
	// to gather several.
	notifyGrace = 500 * time.Millisecond
)

// streams are the open subscriptions/listen requests of a server. A stream ends
// with its caller's token, or with the configuration that let it in: the client
// comes back and is judged anew.
type streams struct {
	mu      sync.Mutex
	retired bool
	cancels map[*context.CancelFunc]struct{}
}

// hold returns a context for one stream and how to give it back.
func (s *streams) hold(ctx context.Context, p *authn.Principal) (context.Context, func()) {
	ctx, cancel := context.WithDeadline(ctx, p.Expires)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		cancel()
		return ctx, func() {}
	}
	s.cancels[&cancel] = struct{}{}
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancels, &cancel)
	}
}

// end ends the streams that are open and those to come.
func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	for cancel := range s.cancels {
		(*cancel)()
	}
}

// middleware bounds subscriptions/listen, and keeps older clients from waiting
// for notifications that a server without sessions has no way to send.
func (s *streams) middleware(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		switch method {
		case methodListen:
			principal := authn.FromContext(ctx)
			if principal == nil {
				return nil, errors.New("subscriptions/listen outside the door")
			}
			ctx, release := s.hold(ctx, principal)
			defer release()
			return next(ctx, method, req)
		case methodInitialize:
			result, err := next(ctx, method, req)
			if r, ok := result.(*mcp.InitializeResult); ok && r.Capabilities.Tools != nil {
				r.Capabilities.Tools = &mcp.ToolCapabilities{}
			}
			return result, err
		}
		return next(ctx, method, req)
	}
}

// Retire ends the server's streams, after telling them that the tool list has
// changed if it has.
func (s *Server) Retire(listChanged bool) {
	if !listChanged {
		s.streams.end()
		return
	}
	s.touch()
	time.AfterFunc(notifyGrace, s.streams.end)
}
