package tools

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/runtime/internal/admission"
	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/tracing"
)

const (
	methodListen     = "subscriptions/listen"
	methodInitialize = "initialize"
	// notifyGrace is how long a retired server keeps its streams to tell them
	// that the tool list has changed. The SDK sends notifications a moment late,
	// to gather several.
	notifyGrace = 500 * time.Millisecond
)

// maxStreams and maxStreamsOfCaller bound the open streams of a server. They take
// no place among the requests that are worked on.
const (
	maxStreams         = 1024
	maxStreamsOfCaller = 32
)

var errLargeSubscription = &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "a subscription of more than 16 KiB"}

// streams are the open subscriptions/listen requests of a server. A stream ends
// with what let its caller in, see lasting, or with the configuration that did: the
// client comes back and is judged anew.
type streams struct {
	mu       sync.Mutex
	retired  bool
	cancels  map[*context.CancelFunc]struct{}
	byCaller map[string]int
}

func newStreams() *streams {
	return &streams{cancels: map[*context.CancelFunc]struct{}{}, byCaller: map[string]int{}}
}

// hold returns a context for one stream and how to give it back, or why there
// is none.
func (s *streams) hold(ctx context.Context, p *authn.Principal, rules *policy.Policy) (context.Context, func(), *policy.Denial) {
	caller := p.Identity()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.cancels) >= maxStreams:
		return nil, nil, &policy.Denial{Streams: policy.StreamsOfServer}
	case s.byCaller[caller] >= maxStreamsOfCaller:
		return nil, nil, &policy.Denial{Streams: policy.StreamsOfCaller}
	}
	ctx, cancel := lasting(ctx, p, p.Expires, rules.Door.Authentication, rules.ClockSkew)
	if s.retired {
		cancel()
	}
	s.cancels[&cancel] = struct{}{}
	s.byCaller[caller]++
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancels, &cancel)
		if s.byCaller[caller]--; s.byCaller[caller] == 0 {
			delete(s.byCaller, caller)
		}
	}, nil
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
func (s *streams) middleware(c *Config) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			switch method {
			case methodListen:
				return s.listen(ctx, next, req, c)
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
}

func (s *streams) listen(ctx context.Context, next mcp.MethodHandler, req mcp.Request, c *Config) (mcp.Result, error) {
	if version(req.GetExtra()) < firstStateless {
		return nil, errNoMethod
	}
	if httpmw.HasLargeBody(ctx) { // a stream would hold it for as long as it lasts
		return nil, errLargeSubscription
	}
	principal, outcome := authn.FromContext(ctx), policy.OutcomeFrom(ctx)
	if principal == nil || outcome == nil {
		return nil, errors.New("subscriptions/listen outside the door")
	}
	held, release, denial := s.hold(ctx, principal, c.Policy)
	if denial != nil {
		c.denied(ctx, principal, outcome, denial)
		return nil, errDenied
	}
	defer release()
	outcome.Audited() // now, since a stream may last for long
	c.Audit.Write(ctx, audit.Event{
		Decision: audit.Allowed, Reason: "ok", RequestID: httpmw.RequestID(ctx), TraceID: tracing.ID(ctx),
		Subject: principal.Subject, ClientID: principal.ClientID, Method: methodListen, Holds: c.Policy.Scopes.Names(principal.Scopes),
	})
	admission.FromContext(ctx).Leave()
	return next(held, methodListen, req)
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
