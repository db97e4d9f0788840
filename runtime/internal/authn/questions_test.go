package authn

import (
	"testing"
	"testing/synctest"
	"time"
)

// fill opens as many questions as there may be.
func fill(t *testing.T, q *questions) (done []func()) {
	t.Helper()
	for range maxAsking {
		f, err := q.begin(t.Context(), "flood")
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, f)
	}
	return done
}

func TestAFloodOfQuestionsLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuestions()
		open := fill(t, q)
		asked := make(chan string, maxQueued)
		ask := func(source string) {
			done, err := q.begin(t.Context(), source)
			if err != nil {
				asked <- "refused " + source
				return
			}
			asked <- source
			done()
		}
		for range maxQueued/4 + 10 {
			go ask("flood")
		}
		synctest.Wait()
		if len(asked) != 10 {
			t.Errorf("%d of the flood were refused, want those beyond a quarter of the queue", len(asked))
		}
		for range 10 {
			if got := <-asked; got != "refused flood" {
				t.Errorf("%s", got)
			}
		}
		go ask("somebody else")
		synctest.Wait()
		for _, done := range open {
			done()
		}
		synctest.Wait()
		served := map[string]int{}
		for len(asked) > 0 {
			served[<-asked]++
		}
		if served["somebody else"] != 1 || served["flood"] != maxQueued/4 {
			t.Errorf("served %v", served)
		}
	})
}

func TestAQuestionWaitsABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuestions()
		open := fill(t, q)
		start := time.Now()
		_, err := q.begin(t.Context(), "a")
		if err == nil || err.Reason != Unavailable || err.RetryAfter != retryQueue || time.Since(start) != queueTime {
			t.Errorf("refusal %v after %s, want Unavailable after %s", err, time.Since(start), queueTime)
		}
		open[0]()
		if _, err := q.begin(t.Context(), "a"); err != nil {
			t.Errorf("with a place: %v", err)
		}
	})
}
