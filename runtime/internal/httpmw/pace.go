package httpmw

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/securedmcp/operator/runtime/internal/admission"
)

const (
	// longestDelay bounds what an honest stranger waits for the first challenge
	// while others flood the server.
	longestDelay = time.Second
	// mostDelayed bounds the memory of those who wait. Beyond, nobody does.
	mostDelayed = 4096
)

// Pace slows down a flood of requests without a valid token. Whoever sends the
// next one when the last was answered, on however many connections, gets about
// as many answers a second as it allows: the rest of the processor is for those
// who are known. A nil Pace delays nobody.
type Pace struct {
	limiter *rate.Limiter
	places  chan struct{}
}

// NewPace returns a Pace for one public listener, by which so many strangers a
// second are told so without delay, a fifth of them at once. It is nil unless
// perSecond is positive.
func NewPace(perSecond int) *Pace {
	if perSecond <= 0 {
		return nil
	}
	return &Pace{limiter: rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/5)), places: make(chan struct{}, mostDelayed)}
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
