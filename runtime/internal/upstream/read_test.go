package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/admission"
)

// most is what an answer may have here, and what one caller may.
const most = 4 << 20

func newAPI(t *testing.T, answer string, flush bool) *HTTP {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if flush { // before it is known how much there is
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(api.Close)
	h, err := NewHTTP(config.Upstream{Name: "api", HTTP: &config.HTTPUpstream{URL: api.URL}}, most, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// holds tells whether a caller holds some of the memory for answers.
func holds(t *testing.T, answers *admission.Answers, caller string) bool {
	t.Helper()
	_, other := answers.WithAnswer(t.Context(), caller, 1)
	defer other.End()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, end, err := other.Begin(soon, most)
	if err == nil {
		end(0)
	}
	return err != nil
}

func TestWhatHoldsMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		size, calls int
		flush, held bool
	}{
		"a small answer":                     {256 << 10, 1, false, false},
		"a small one that does not say so":   {256 << 10, 1, true, false},
		"a large answer":                     {256<<10 + 1, 1, false, true},
		"a large one that does not say so":   {256<<10 + 1, 1, true, true},
		"a small answer of one of two calls": {128 << 10, 2, false, false},
		"a large one of one of two calls":    {128<<10 + 1, 2, true, true},
		"the largest":                        {most, 1, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, answers := newAPI(t, strings.Repeat("a", tc.size), tc.flush), admission.NewAnswers(most)
			ctx, answer := answers.WithAnswer(t.Context(), "a", tc.calls)
			resp, err := h.Do(ctx, Request{Method: http.MethodGet, Path: "/"})
			if err != nil || len(resp.Body) != tc.size {
				t.Fatalf("%v, want %d bytes", err, tc.size)
			}
			if got := holds(t, answers, "a"); got != tc.held {
				t.Errorf("it holds memory: %v, want %v", got, tc.held)
			}
			answer.End()
			if holds(t, answers, "a") {
				t.Error("it was not given back")
			}
		})
	}
}

func TestAnAnswerThatIsTooLargeHoldsNothing(t *testing.T) {
	for name, flush := range map[string]bool{"and says so": false, "and does not": true} {
		h, answers := newAPI(t, strings.Repeat("a", most+1), flush), admission.NewAnswers(most)
		ctx, answer := answers.WithAnswer(t.Context(), "a", 1)
		if _, err := h.Do(ctx, Request{Method: http.MethodGet, Path: "/"}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if holds(t, answers, "a") {
			t.Errorf("%s: it holds memory", name)
		}
		answer.End()
	}
}
