// Package audit writes one line for each decision about a caller, allowed or
// denied. A line says who wanted what and what it came to. It has no tokens, no
// argument values and no claims beyond subject and client.
package audit

import (
	"context"
	"log/slog"
	"time"
)

// Decision is what a line is about.
type Decision string

// The decisions.
const (
	Allowed Decision = "allowed"
	Denied  Decision = "denied"
)

// Event is one decision.
type Event struct {
	Decision Decision
	// Reason is a word of a closed set, such as "expired" or
	// "insufficient_scope"; "ok" where the call was allowed and answered.
	Reason    string
	RequestID string
	// TraceID is that of the trace that has a span of this decision, if any.
	TraceID string
	// Subject and ClientID are empty for strangers.
	Subject  string
	ClientID string
	// Method is that of the request, where it is no call of a tool.
	Method string
	// Tool is empty where the request did not get as far as naming one.
	Tool string
	// Needs and Holds are scopes.
	Needs []string
	Holds []string
	// UpstreamStatus is the HTTP status of the upstream, 0 without one.
	UpstreamStatus int
	Duration       time.Duration
}

// Log writes events to one logger.
type Log struct {
	handler slog.Handler
}

// New returns a Log of one server's decisions.
func New(logger *slog.Logger, resource, issuer string) *Log {
	return &Log{handler: logger.With("log", "audit", "resource", resource, "issuer", issuer).Handler()}
}

// Write writes one line. Empty members are left out.
func (l *Log) Write(ctx context.Context, e Event) {
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("decision", string(e.Decision)), slog.String("reason", e.Reason))
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	list := func(key string, values []string) {
		if len(values) > 0 {
			attrs = append(attrs, slog.Any(key, values))
		}
	}
	text("requestID", e.RequestID)
	text("traceID", e.TraceID)
	text("subject", e.Subject)
	text("client", e.ClientID)
	text("method", e.Method)
	text("tool", e.Tool)
	list("scopesNeeded", e.Needs)
	list("scopesHeld", e.Holds)
	if e.UpstreamStatus != 0 {
		attrs = append(attrs, slog.Int("upstreamStatus", e.UpstreamStatus))
	}
	if e.Duration > 0 {
		attrs = append(attrs, slog.Duration("duration", e.Duration))
	}
	// The handler gets it without being asked for a level, since an audit is no matter
	// of verbosity, and without the place in the code, which is always this one.
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "decision", 0)
	record.AddAttrs(attrs...)
	_ = l.handler.Handle(ctx, record) // a line that cannot be written can be told of nowhere
}
