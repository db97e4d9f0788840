package app

import (
	"io"
	"log/slog"

	"github.com/securedmcp/operator/runtime/internal/jsonlog"
)

// NewLogger returns a logger that writes what one of slog.NewJSONHandler does, for
// less: each request has an audit line, those of strangers included. Each line is
// one Write. A nil level is slog.LevelInfo.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(jsonlog.New(w, level))
}
