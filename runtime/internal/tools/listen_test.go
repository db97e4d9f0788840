package tools

import (
	"fmt"
	"testing"
	"time"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

func TestStreamsOfAllCallersAreBounded(t *testing.T) {
	s := newStreams()
	caller := func(i int) *authn.Principal {
		return &authn.Principal{Subject: fmt.Sprint(i), Expires: time.Now().Add(time.Hour)}
	}
	var release func()
	for i := range maxStreams {
		_, f, denial := s.hold(t.Context(), caller(i), new(policy.Policy))
		if denial != nil {
			t.Fatalf("stream %d is denied: %s", i, denial.Reason())
		}
		release = f
	}
	if _, _, denial := s.hold(t.Context(), caller(-1), new(policy.Policy)); denial == nil || denial.Streams != policy.StreamsOfServer {
		t.Errorf("a stream too many: denial %v", denial)
	}
	release()
	if _, _, denial := s.hold(t.Context(), caller(-1), new(policy.Policy)); denial != nil {
		t.Errorf("after one has ended: denial %v", denial)
	}
}

func TestACallerGetsStreamsBack(t *testing.T) {
	s, caller := newStreams(), &authn.Principal{Subject: "a", Expires: time.Now().Add(time.Hour)}
	for range 2 * maxStreamsOfCaller {
		ctx, release, denial := s.hold(t.Context(), caller, new(policy.Policy))
		if denial != nil {
			t.Fatalf("denied: %s", denial.Reason())
		}
		release()
		if ctx.Err() == nil {
			t.Fatal("a stream that was given back goes on")
		}
	}
	if len(s.byCaller) != 0 || len(s.cancels) != 0 {
		t.Errorf("%d callers and %d streams are remembered", len(s.byCaller), len(s.cancels))
	}
}
