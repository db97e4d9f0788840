package authn

import (
	"context"
	"time"

	"github.com/securedmcp/operator/runtime/internal/admission"
)

const (
	// maxAsking bounds how many questions are open at the issuer; garbage must
	// not become a flood there.
	maxAsking = 64
	// maxQueued bounds how many wait to be asked, a quarter of them from one
	// source, and queueTime how long.
	maxQueued = 512
	queueTime = 2 * time.Second
	// retryQueue is when to come back where there was no place.
	retryQueue = time.Second
)

// questions are those that are open at the issuer, and those that wait in turn.
type questions struct {
	open   chan struct{}
	queued *admission.Room
}

func newQuestions() *questions {
	return &questions{open: make(chan struct{}, maxAsking), queued: admission.NewRoom(maxQueued)}
}

// begin returns when the question may be asked; done ends it.
func (q *questions) begin(ctx context.Context, source string) (done func(), _ *Error) {
	done = func() { <-q.open }
	select {
	case q.open <- struct{}{}:
		return done, nil
	default:
	}
	leave, ok := q.queued.Enter(source)
	if !ok {
		return nil, crowded("%d questions are open at the introspection endpoint, and too many wait", maxAsking)
	}
	defer leave()
	timer := time.NewTimer(queueTime)
	defer timer.Stop()
	select {
	case q.open <- struct{}{}:
		return done, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, crowded("%d questions were open at the introspection endpoint for %s", maxAsking, queueTime)
}

func crowded(format string, args ...any) *Error {
	e := refuse(Unavailable, format, args...)
	e.RetryAfter = retryQueue
	return e
}
