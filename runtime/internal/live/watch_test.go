package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The kubelet may write beside the configuration without end.
func TestSteadyEventsDoNotKeepAReloadFromComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(world)
		w.set("a")
		l := w.live()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events, reloads := make(chan struct{}), make(chan time.Time, 100)
		go l.follow(ctx, events, func(changed bool, _ error) {
			if changed {
				reloads <- time.Now()
			}
		})
		<-reloads
		w.set("b")
		start := time.Now()
		for time.Since(start) < time.Second {
			events <- struct{}{}
			time.Sleep(settle / 2)
		}
		select {
		case at := <-reloads:
			if took := at.Sub(start); took > settleWithin {
				t.Errorf("the reload came after %s, want %s at most", took, settleWithin)
			}
		default:
			t.Error("a second of events, and no reload")
		}
	})
}

func TestTheEventsOfOneChangeAreOneReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(world)
		w.set("a")
		l := w.live()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events, reloads := make(chan struct{}), 0
		go l.follow(ctx, events, func(bool, error) { reloads++ })
		synctest.Wait()
		for range 5 {
			events <- struct{}{}
		}
		time.Sleep(settleWithin)
		synctest.Wait()
		if reloads != 2 {
			t.Errorf("%d reloads, want the first and one for the events", reloads)
		}
	})
}
