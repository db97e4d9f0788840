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
	logger *slog.Logger
}

// New returns a Log of one server's decisions.
func New(logger *slog.Logger, resource, issuer string) *Log {
	return &Log{logger: slog.New(always{logger.Handler()}).With("log", "audit", "resource", resource, "issuer", issuer)}
}

// always writes what the level of the log would leave out: an audit is not a
// matter of verbosity.
type always struct{ slog.Handler }

func (always) Enabled(context.Context, slog.Level) bool { return true }

func (a always) WithAttrs(attrs []slog.Attr) slog.Handler { return always{a.Handler.WithAttrs(attrs)} }

func (a always) WithGroup(name string) slog.Handler { return always{a.Handler.WithGroup(name)} }

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
	l.logger.LogAttrs(ctx, slog.LevelInfo, "decision", attrs...)
}
