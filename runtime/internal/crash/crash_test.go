package crash

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

type secretError struct{ text string }

//go:noinline
func fail(argument string) { panic(secretError{argument}) }

func TestAPanicIsDescribedWithoutWhatItHeld(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	func() {
		defer func() {
			if p := recover(); p != nil {
				logger.Error("panicked", Attrs(p)...)
			}
		}()
		fail("s3cr3t")
	}()
	got := log.String()
	if !strings.Contains(got, "crash.secretError") || !strings.Contains(got, "crash.fail ") || !strings.Contains(got, "crash_test.go:") {
		t.Errorf("the log does not say what happened where: %s", got)
	}
	if strings.Contains(got, "s3cr3t") {
		t.Errorf("the log quotes the value: %s", got)
	}
	if strings.Contains(got, "crash.Attrs") {
		t.Errorf("the stack begins with the recovery: %s", got)
	}
}

func TestAPanicAsAnErrorSaysWhereAndNotWhat(t *testing.T) {
	var err error
	func() {
		defer func() { err = Error(recover()) }()
		fail("s3cr3t")
	}()
	if got := err.Error(); !strings.Contains(got, "crash.secretError in ") || !strings.Contains(got, "crash.fail ") || strings.Contains(got, "s3cr3t") {
		t.Errorf("error %q", got)
	}
}
