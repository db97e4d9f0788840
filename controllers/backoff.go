package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// pauseJitter spreads the questions of those who were first asked together.
const pauseJitter = 0.3

// backoff says how long to wait before somebody is asked again.
type backoff struct {
	// resting is for those who answer as they should.
	resting time.Duration
	// first is after one answer that is not as it should be. It doubles with each
	// more in a row, up to last.
	first, last time.Duration
}

func (b backoff) after(attempts int) time.Duration {
	if attempts == 0 {
		return wait.Jitter(b.resting, pauseJitter)
	}
	const enough = 20 // more would overflow
	return wait.Jitter(min(b.first<<min(attempts-1, enough), b.last), pauseJitter)
}
