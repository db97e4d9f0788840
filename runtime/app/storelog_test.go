package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestTheClientOfTheStoreLogsWithoutCredentials(t *testing.T) {
	var log bytes.Buffer
	level := new(slog.LevelVar)
	l := storeLog{slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: level}))}
	say := func() {
		l.Printf(t.Context(), "dialing %s: %v", "redis://user:s3cr3t@redis.cache.svc:6379/0", "connection refused")
	}
	say()
	if log.Len() > 0 {
		t.Errorf("at level INFO it says %s", &log)
	}
	level.Set(slog.LevelDebug)
	say()
	if got := log.String(); !strings.Contains(got, "redis://***@redis.cache.svc:6379/0: connection refused") || strings.Contains(got, "s3cr3t") {
		t.Errorf("at level DEBUG it says %s", got)
	}
}
