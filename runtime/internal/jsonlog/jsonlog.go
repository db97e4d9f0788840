// Package jsonlog writes the lines of slog.JSONHandler for less. Every refusal has
// its line, and strangers cause refusals at will.
package jsonlog

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
)

// Handler writes the lines that slog.JSONHandler writes. It encodes those itself
// that have nothing to escape and nothing but words, numbers and lists of words, as
// audit lines do, and leaves all others to slog.
type Handler struct {
	others slog.Handler
	out    *output
	with   line // the attributes of WithAttrs
}

// output is for both to write to, one line after another.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(line)
}

// New returns a Handler that writes each line to w by one call. A nil level is
// slog.LevelInfo.
func New(w io.Writer, level slog.Leveler) *Handler {
	out := &output{w: w}
	return &Handler{others: slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}), out: out}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.others.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := &Handler{others: h.others.WithAttrs(attrs), out: h.out, with: line{slices.Clone(h.with.json), h.with.beyond}}
	for _, a := range attrs {
		next.with.attr(a)
	}
	return next
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{others: h.others.WithGroup(name), out: h.out, with: line{beyond: true}}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	l := take()
	defer l.giveBack()
	if l.record(&r, &h.with); l.beyond {
		return h.others.Handle(ctx, r)
	}
	_, err := h.out.Write(l.json)
	return err
}
