package httpmw

import (
	"context"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securedmcp/operator/runtime/internal/admission"
)

const (
	refusalsPerSecond = 500
	refusalsAtOnce    = 100
)

// flood has each of n strangers come again as soon as they were refused, and
// returns how many refusals that made.
func flood(ctx context.Context, p *Pace, n int) int64 {
	var refused atomic.Int64
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for ctx.Err() == nil {
				p.wait(ctx)
				refused.Add(1)
				time.Sleep(100 * time.Microsecond) // what it takes to send the next
			}
		})
	}
	group.Wait()
	return refused.Load()
}

func TestAFloodOfStrangersIsSlowedDown(t *testing.T) {
	for name, tc := range map[string]struct{ strangers, least, most int }{
		"on 64 connections":             {64, 9 * refusalsPerSecond, 11 * refusalsPerSecond},
		"on more than the queue allows": {1000, 9 * 1000 / 2, 11 * 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if n := flood(ctx, NewPace(refusalsPerSecond), tc.strangers); n < int64(tc.least) || n > int64(tc.most) {
					t.Errorf("%d refusals in ten seconds, want %d to %d", n, tc.least, tc.most)
				}
			})
		})
	}
}

func TestNobodyWaitsWithoutAPace(t *testing.T) {
	for _, perSecond := range []int{0, -1} {
		if p := NewPace(perSecond); p != nil {
			t.Errorf("of %d refusals a second it is %v, want nil", perSecond, p)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for range 10 * refusalsPerSecond {
			(*Pace)(nil).wait(t.Context())
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("they waited %s", took)
		}
	})
}

func TestAFewStrangersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := NewPace(refusalsPerSecond), time.Now()
		for range refusalsAtOnce {
			p.wait(t.Context())
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("%d strangers waited %s, want no wait", refusalsAtOnce, took)
		}
	})
}

func TestNobodyWaitsLongerThanASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		p := NewPace(refusalsPerSecond)
		var others sync.WaitGroup
		defer others.Wait()
		others.Go(func() { flood(ctx, p, 900) })
		time.Sleep(2 * time.Second)
		start := time.Now()
		p.wait(t.Context())
		if took := time.Since(start); took > longestDelay {
			t.Errorf("a stranger waited %s, want at most %s", took, longestDelay)
		}
	})
}

func TestWhoIsToBeRefusedHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, gate := NewPace(refusalsPerSecond), admission.NewGate(1)
		for range refusalsAtOnce {
			p.wait(t.Context())
		}
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		pass, _ := gate.Enter(func() string { return admission.Source(req) })
		go p.wait(admission.WithPass(t.Context(), pass))
		synctest.Wait()
		if _, ok := gate.Enter(func() string { return "somebody else" }); !ok {
			t.Error("a request that waits for its refusal keeps another out")
		}
		time.Sleep(longestDelay)
	})
}

func TestWhoLeavesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(refusalsPerSecond)
		for range refusalsAtOnce {
			p.wait(t.Context())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		p.wait(ctx)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %s, want no time", took)
		}
	})
}
