package policy

import (
	"context"
	"slices"
	"sync"
)

// Outcome carries a decision about one HTTP request from the MCP layer, which
// takes it on what the SDK parsed, back to the HTTP layer, which answers with a
// status and a challenge. A JSON-RPC batch has several decisions, taken at once.
type Outcome struct {
	mu      sync.Mutex
	denials []*Denial
	method  string
	audited bool
	failure Failure
}

// Failure is whose fault it is that a message had an error for an answer.
type Failure int

// Failures, the worse one last.
const (
	NoFailure Failure = iota
	FailureOfCaller
	FailureOfServer
)

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

// Deny records a refusal. Whoever calls it writes its audit line.
func (o *Outcome) Deny(d *Denial) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.denials, o.audited = append(o.denials, d), true
}

// Denial returns the refusal, or nil. That of several is one that asks for what
// all of them need, as far as one login can be that.
func (o *Outcome) Denial() *Denial {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch len(o.denials) {
	case 0:
		return nil
	case 1:
		return o.denials[0]
	}
	all := &Denial{}
	for _, d := range o.denials {
		all.Scopes = append(all.Scopes, d.Scopes...)
		switch {
		case d.Authentication == nil:
		case all.Authentication == nil:
			all.Authentication = d.Authentication
		default:
			both := all.Authentication.And(*d.Authentication)
			if both.impossible() { // there is no login for all of them at once
				both.ACRValues = all.Authentication.ACRValues
			}
			all.Authentication = &both
		}
	}
	slices.Sort(all.Scopes) // the order of the decisions is nobody's
	all.Scopes = slices.Compact(all.Scopes)
	return all
}

// Denials is how many refusals there are.
func (o *Outcome) Denials() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.denials)
}

// Dispatched notes a method that the MCP layer knows.
func (o *Outcome) Dispatched(method string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.method = method
}

// Audited notes that a decision about the request has its audit line.
func (o *Outcome) Audited() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.audited = true
}

// Unaudited tells whether the request has no audit line yet, and the method that
// it was for, "" where it did not get as far.
func (o *Outcome) Unaudited() (method string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.method, !o.audited
}

// Fail notes that a message had an error for an answer, which to clients of before
// 2026-07-28 has the status 200.
func (o *Outcome) Fail(f Failure) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failure = max(o.failure, f)
}

// Failure is the worst of those noted.
func (o *Outcome) Failure() Failure {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failure
}

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
