package app

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
)

// userinfo is the part of a URL before the host, which may hold a password.
var userinfo = regexp.MustCompile(`://[^/@\s]*@`)

// storeLog writes what the client of the shared store has to say, by default to
// the standard error, into the log. That the store is away, and back, is logged
// by those who use it; this says why, to who looks closer.
type storeLog struct{ logger *slog.Logger }

// Printf implements the logger of go-redis.
func (l storeLog) Printf(ctx context.Context, format string, args ...any) {
	if l.logger.Enabled(ctx, slog.LevelDebug) {
		l.logger.DebugContext(ctx, "client of the shared store", "message", userinfo.ReplaceAllString(fmt.Sprintf(format, args...), "://***@"))
	}
}
