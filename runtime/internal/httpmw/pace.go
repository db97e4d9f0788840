package httpmw

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/securedmcp/operator/runtime/internal/admission"
)

const (
	// refusalsPerSecond is how many strangers are told so without delay: far more
	// than come of their own accord, and a small part of one processor.
	refusalsPerSecond = 500
	refusalsAtOnce    = 100
	// longestDelay bounds what an honest stranger waits for the first challenge
	// while others flood the server.
	longestDelay = time.Second
	// mostDelayed bounds the memory of those who wait. Beyond, nobody does.
	mostDelayed = 4096
)

// Pace slows down a flood of requests without a valid token. Whoever sends the
// next one when the last was answered, on however many connections, gets about
// refusalsPerSecond answers: the rest of the processor is for those who are
// known. A nil Pace delays nobody.
type Pace struct {
	limiter *rate.Limiter
	places  chan struct{}
}

// NewPace returns a Pace for one public listener.
func NewPace() *Pace {
	return &Pace{limiter: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce), places: make(chan struct{}, mostDelayed)}
}

// wait returns when it is the turn of a refusal, or its caller has left. The
// request gives its place back: it has nothing left to do but be refused.
func (p *Pace) wait(ctx context.Context) {
	if p == nil {
		return
	}
	delay := p.delay(time.Now())
	if delay <= 0 {
		return
	}
	select {
	case p.places <- struct{}{}:
	default:
		return
	}
	defer func() { <-p.places }()
	admission.FromContext(ctx).Leave()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (p *Pace) delay(now time.Time) time.Duration {
	turn := p.limiter.ReserveN(now, 1)
	delay := turn.DelayFrom(now)
	if delay > longestDelay {
		turn.CancelAt(now) // the queue is no longer than that
		return longestDelay
	}
	return delay
}
