package policy

import (
	"context"
	"sync/atomic"
)

// Outcome carries a decision about one HTTP request from the MCP layer, which
// takes it on what the SDK parsed, back to the HTTP layer, which answers with a
// status and a challenge.
type Outcome struct {
	denial atomic.Pointer[Denial]
}

// Denial is why an authenticated request is refused.
type Denial struct {
	// Tool is what the caller wanted to call.
	Tool string
	// Scopes are all that the operation needs, in order of declaration.
	Scopes []string
	// Authentication is set where the login is not enough; scopes are then not
	// the reason.
	Authentication *Authentication
	// Streams is set where the request wants a stream more than is allowed:
	// StreamsOfCaller or StreamsOfServer.
	Streams string
	// Header is set where the caller may call the tool and this header does not
	// repeat its argument.
	Header string
	// TraceID is that of the span of the denied call, "" without one.
	TraceID string
}

// Values of Denial.Streams, and the reasons of such denials.
const (
	StreamsOfCaller = "too_many_streams"
	StreamsOfServer = "overloaded"
)

// Reason is the OAuth error code of the denial, or a word alike.
func (d *Denial) Reason() string {
	switch {
	case d.Header != "":
		return "header_mismatch"
	case d.Streams != "":
		return d.Streams
	case d.Authentication != nil:
		return "insufficient_user_authentication"
	}
	return "insufficient_scope"
}

// Deny records the refusal; the first one of a request stays.
func (o *Outcome) Deny(d *Denial) { o.denial.CompareAndSwap(nil, d) }

// Denial returns the refusal, or nil.
func (o *Outcome) Denial() *Denial { return o.denial.Load() }

type outcomeKey struct{}

// WithOutcome returns a context that carries o.
func WithOutcome(ctx context.Context, o *Outcome) context.Context {
	return context.WithValue(ctx, outcomeKey{}, o)
}

// OutcomeFrom returns the outcome of the request, or nil.
func OutcomeFrom(ctx context.Context) *Outcome {
	o, _ := ctx.Value(outcomeKey{}).(*Outcome)
	return o
}
