package admission

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/semaphore"
)

// answers has room for two parts of one caller, and for three of all.
func answers() *Answers {
	a := NewAnswers(1)
	a.share, a.all = 2, semaphore.NewWeighted(3)
	return a
}

func answerOf(t *testing.T, a *Answers, caller string) (context.Context, *Answer) {
	t.Helper()
	ctx, answer := a.WithAnswer(t.Context(), caller)
	t.Cleanup(answer.Give)
	if AnswerFrom(ctx) != answer {
		t.Fatal("the context does not carry the answer")
	}
	return ctx, answer
}

func take(t *testing.T, a *Answers, caller string, n int64) *Answer {
	t.Helper()
	ctx, answer := answerOf(t, a, caller)
	if err := answer.Take(ctx, n); err != nil {
		t.Fatalf("%d for %s: %v", n, caller, err)
	}
	return answer
}

func TestAnswersWaitForOthersToBeWritten(t *testing.T) {
	a := answers()
	first := take(t, a, "a", 2)
	ctx, second := answerOf(t, a, "a")
	done := make(chan error, 1)
	go func() { done <- second.Take(ctx, 1) }()
	take(t, a, "b", 1).Give() // another caller has room meanwhile
	select {
	case err := <-done:
		t.Errorf("there was no room: %v", err)
	default:
	}
	first.Give()
	if err := <-done; err != nil {
		t.Error(err)
	}
	second.Give()
	if len(a.callers) != 0 {
		t.Errorf("callers %v are remembered", a.callers)
	}
	take(t, a, "c", 2)
}

func TestAnswersWaitUntilTheirContextEnds(t *testing.T) {
	a := answers()
	take(t, a, "a", 2)
	take(t, a, "b", 1)
	_, answer := answerOf(t, a, "c")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := answer.Take(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(a.callers) != 2 {
		t.Errorf("callers %v are remembered, want those who hold some", a.callers)
	}
}

// The parts of a batch are given back together, so none may wait for another.
func TestABatchDoesNotWaitForItself(t *testing.T) {
	a := answers()
	ctx, batch := answerOf(t, a, "a")
	for range 2 {
		if err := batch.Take(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Take(ctx, 1); !errors.Is(err, ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
	batch.Give()
	take(t, a, "a", 2)
}

func TestARequestThatHasEndedHoldsNothing(t *testing.T) {
	a := answers()
	ctx, late := answerOf(t, a, "a")
	late.Give()
	if err := late.Take(ctx, 2); !errors.Is(err, ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
	take(t, a, "a", 2)
}

func TestWorkWithoutARequestTakesWhatItNeeds(t *testing.T) {
	if err := AnswerFrom(t.Context()).Take(t.Context(), 1<<40); err != nil {
		t.Error(err)
	}
}
