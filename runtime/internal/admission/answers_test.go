package admission

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/semaphore"
)

// answers are of two bytes at most, as much as one caller may have, and three are for all.
func answers() *Answers {
	a := NewAnswers(2)
	a.share, a.all = 2, semaphore.NewWeighted(3)
	return a
}

func answerOf(t *testing.T, a *Answers, caller string, calls int) (context.Context, *Answer) {
	t.Helper()
	ctx, answer := a.WithAnswer(t.Context(), caller, calls)
	if AnswerFrom(ctx) != answer {
		t.Fatal("the context does not carry the answer")
	}
	return ctx, answer
}

// begun is an answer that has read n.
func begun(t *testing.T, a *Answers, caller string, n int64) *Answer {
	t.Helper()
	ctx, answer := answerOf(t, a, caller, 1)
	room, end, err := answer.Begin(ctx, n)
	if err != nil || room != n {
		t.Fatalf("%d for %s: room %d, %v", n, caller, room, err)
	}
	end(n)
	return answer
}

func (a *Answers) checkNothingIsHeld(t *testing.T) {
	t.Helper()
	if !a.all.TryAcquire(3) || len(a.callers) != 0 {
		t.Errorf("not all was given back: callers %v", a.callers)
	}
}

func TestAnswersWaitForOthersToBeWritten(t *testing.T) {
	a := answers()
	first := begun(t, a, "a", 2)
	ctx, second := answerOf(t, a, "a", 1)
	done := make(chan error, 1)
	go func() {
		_, end, err := second.Begin(ctx, 1)
		if err == nil {
			end(1)
		}
		done <- err
	}()
	begun(t, a, "b", 1).End() // another caller has room meanwhile
	select {
	case err := <-done:
		t.Errorf("there was no room: %v", err)
	default:
	}
	first.End()
	if err := <-done; err != nil {
		t.Error(err)
	}
	second.End()
	a.checkNothingIsHeld(t)
}

func TestAnswersWaitUntilTheirContextEnds(t *testing.T) {
	a := answers()
	first, second := begun(t, a, "a", 2), begun(t, a, "b", 1)
	_, answer := answerOf(t, a, "c", 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := answer.Begin(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for _, held := range []*Answer{first, second, answer} {
		held.End()
	}
	a.checkNothingIsHeld(t)
}

// Those who wait hold the free part of their answer.
func TestFewAnswersOfOneCallerWait(t *testing.T) {
	a := answers()
	a.waiting = NewRoom(4)
	first := begun(t, a, "a", 2)
	leave, ok := a.waiting.Enter("a")
	if !ok {
		t.Fatal("nobody may wait")
	}
	ctx, answer := answerOf(t, a, "a", 1)
	if _, _, err := answer.Begin(ctx, 1); !errors.Is(err, ErrFull) {
		t.Errorf("beside as many as may wait: %v, want ErrFull", err)
	}
	leave()
	first.End()
	a.checkNothingIsHeld(t)
}

// What an answer does not need of the room that it was given is for others at once.
func TestWhatAnAnswerDoesNotNeedIsGivenBack(t *testing.T) {
	a := answers()
	ctx, answer := answerOf(t, a, "a", 1)
	_, end, err := answer.Begin(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	end(1)
	second := begun(t, a, "a", 1)
	answer.End()
	second.End()
	a.checkNothingIsHeld(t)
}

// The calls of a batch have what one answer may have, and read one after the other.
func TestABatchSharesItsMemory(t *testing.T) {
	a := answers()
	ctx, batch := answerOf(t, a, "a", 3)
	if got := batch.Free(); got != freeAnswer/3 {
		t.Errorf("%d are free for each of three calls", got)
	}
	_, end, err := batch.Begin(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := batch.Begin(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("while another is read: error %v", err)
	}
	second := make(chan int64, 1)
	go func() {
		room, end, err := batch.Begin(ctx, 2)
		if err == nil {
			end(room)
		}
		second <- room
	}()
	end(1)
	if room := <-second; room != 1 {
		t.Errorf("the second has room for %d, want the rest, 1", room)
	}
	if _, _, err := batch.Begin(ctx, 1); !errors.Is(err, ErrLarge) {
		t.Errorf("beyond what one answer may have: %v, want ErrLarge", err)
	}
	batch.End()
	a.checkNothingIsHeld(t)
}

func TestARequestThatHasEndedHoldsNothing(t *testing.T) {
	a := answers()
	ctx, late := answerOf(t, a, "a", 1)
	late.End()
	if _, _, err := late.Begin(ctx, 2); !errors.Is(err, ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
	a.checkNothingIsHeld(t)
}

func TestWorkWithoutARequestTakesWhatItNeeds(t *testing.T) {
	if room, _, err := AnswerFrom(t.Context()).Begin(t.Context(), 1<<40); err != nil || room != 1<<40 {
		t.Errorf("room %d, %v", room, err)
	}
}
