package console

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	quiet     = 10 * time.Second // between two signs of life where lines stay
	pollEvery = 200 * time.Millisecond
	maxLine   = 100
	// lastAnswer is how long an answer may take that was asked for in time.
	lastAnswer = 30 * time.Second
)

// Poll asks once: is it so? If not, state says what there is instead. An error
// ends the waiting.
type Poll func(ctx context.Context) (done bool, state string, err error)

// TimeoutError says what there was in place of what was waited for.
type TimeoutError struct {
	What  string
	After time.Duration
	State string
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s: not so after %s; last seen: %s", e.What, e.After, e.State)
}

// Wait polls until it is so, and shows a sign of life meanwhile.
func (c *Console) Wait(ctx context.Context, what string, limit time.Duration, poll Poll) error {
	start := time.Now()
	// The last question may end after the limit: cut short, its error would hide
	// what was seen before.
	asking, cancel := context.WithTimeout(ctx, limit+lastAnswer)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	defer c.settle()
	next, last := start.Add(quiet), "nothing yet"
	for time.Since(start) < limit {
		done, state, err := poll(asking)
		if done || err != nil {
			return err
		}
		if state != "" {
			last = state
		}
		next = c.sign(start, next, what, last)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return &TimeoutError{What: what, After: limit, State: last}
}

// sign shows that the waiting goes on, and returns when to do so again where
// lines cannot be overwritten.
func (c *Console) sign(start, next time.Time, what, state string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := oneLine(fmt.Sprintf("%s… %d s: %s", what, int(time.Since(start).Seconds()), state))
	switch {
	case c.live:
		c.erase()
		fmt.Fprint(c.out, margin+c.paint(dim, line))
		c.pending = true
	case time.Now().After(next):
		c.println(margin + line)
		return time.Now().Add(quiet)
	}
	return next
}

func (c *Console) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= maxLine {
		return s
	}
	return string([]rune(s)[:maxLine-1]) + "…"
}

// Writer passes whole lines on to the story, for the output of commands.
func (c *Console) Writer() *LineWriter { return &LineWriter{line: c.Verbatim} }

// LineWriter calls a function for each whole line that is written to it.
type LineWriter struct {
	line    func(string)
	partial []byte
}

// Write implements io.Writer.
func (w *LineWriter) Write(p []byte) (int, error) {
	w.partial = append(w.partial, p...)
	for {
		line, rest, ok := strings.Cut(string(w.partial), "\n")
		if !ok {
			return len(p), nil
		}
		w.line(line)
		w.partial = []byte(rest)
	}
}

// Flush passes the last line on, though it has no end.
func (w *LineWriter) Flush() {
	if len(w.partial) > 0 {
		w.line(string(w.partial))
		w.partial = nil
	}
}
