package sharedstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAStoreThatIsAwayIsTriedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("connection refused")
		var changes []error
		b := NewBreaker(time.Second, func(err error) { changes = append(changes, err) })
		answer, asked := broken, 0
		do := func() error {
			return b.Do(t.Context(), func(context.Context) error { asked++; return answer })
		}
		if err := do(); !errors.Is(err, broken) {
			t.Errorf("the first call: error %v, want %v", err, broken)
		}
		for range 100 {
			if err := do(); !errors.Is(err, ErrAway) {
				t.Fatalf("while it is away: error %v, want ErrAway", err)
			}
		}
		if b.Up() {
			t.Error("it is said to be up")
		}
		if asked != 1 {
			t.Errorf("the store was asked %d times, want once", asked)
		}
		time.Sleep(retryEvery)
		answer = nil
		if err := do(); err != nil {
			t.Errorf("after a second: error %v", err)
		}
		if err := do(); err != nil || asked != 3 || !b.Up() {
			t.Errorf("once it is back: error %v, asked %d times, up %v; want every call", err, asked, b.Up())
		}
		if diff := cmp.Diff([]error{broken, nil}, changes, cmp.Comparer(errors.Is)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

func TestNobodyWaitsLongForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 100 * time.Millisecond
		b, start := NewBreaker(timeout, func(error) {}), time.Now()
		err := b.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != timeout {
			t.Errorf("error %v after %s, want the deadline after %s", err, took, timeout)
		}
	})
}

func TestACallerThatLeavesSaysNothingAboutTheStore(t *testing.T) {
	b := NewBreaker(time.Minute, func(err error) { t.Errorf("the store is said to have changed: %v", err) })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ask := func(ctx context.Context) error { return ctx.Err() }
	if err := b.Do(gone, ask); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if err := b.Do(t.Context(), ask); err != nil {
		t.Errorf("the next caller: error %v", err)
	}
}
