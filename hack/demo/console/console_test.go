package console_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/securedmcp/operator/hack/demo/console"
)

func TestAStoryIsNumberedAndAligned(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, 12)
	c.Step("First")
	c.Say("plain words\nin two lines")
	c.Command("kubectl get smcp")
	c.Table([][]string{{"a", "long cell", "x"}, {"longer", "b", "y"}})
	c.Done("it is so")
	c.Failed("it is not")
	want := `
 1/12  First
       plain words
       in two lines
       $ kubectl get smcp
       a       long cell  x
       longer  b          y
       ✓ it is so
       ✗ it is not
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
}

func TestAFileGetsNoEscapeSequences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := console.New(&out, 1)
		c.Step("Wait")
		began := time.Now()
		err := c.Wait(t.Context(), "pods are ready", time.Minute, func(context.Context) (bool, string, error) {
			return time.Since(began) > 25*time.Second, "0 of 2 replicas", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\r") {
			t.Errorf("escape sequences in a file: %q", out.String())
		}
		if signs := strings.Count(out.String(), "pods are ready… "); signs != 2 {
			t.Errorf("got %d signs of life in 25 s, want 2:\n%s", signs, &out)
		}
	})
}

func TestWait(t *testing.T) {
	broken := errors.New("broken")
	cases := map[string]struct {
		poll console.Poll
		want error
	}{
		"it is so at once":       {func(context.Context) (bool, string, error) { return true, "", nil }, nil},
		"an error ends it":       {func(context.Context) (bool, string, error) { return false, "", broken }, broken},
		"a limit ends it":        {func(context.Context) (bool, string, error) { return false, "still red", nil }, &console.TimeoutError{What: "green", After: time.Minute, State: "still red"}},
		"the last state is told": {alternating(), &console.TimeoutError{What: "green", After: time.Minute, State: "blue"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := console.New(&bytes.Buffer{}, 1).Wait(t.Context(), "green", time.Minute, tc.poll)
				var got, want *console.TimeoutError
				if errors.As(tc.want, &want) {
					if !errors.As(err, &got) || *got != *want {
						t.Errorf("got %v, want %v", err, want)
					}
				} else if !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		})
	}
}

// alternating says something once, and nothing from then on.
func alternating() console.Poll {
	states := []string{"red", "blue"}
	return func(context.Context) (bool, string, error) {
		if len(states) == 0 {
			return false, "", nil
		}
		state := states[0]
		states = states[1:]
		return false, state, nil
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	stopped := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	err := console.New(&bytes.Buffer{}, 1).Wait(ctx, "green", time.Minute, func(context.Context) (bool, string, error) { return false, "red", nil })
	if !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestLineWriterPassesWholeLines(t *testing.T) {
	var out bytes.Buffer
	w := console.New(&out, 1).Writer()
	for _, part := range []string{"a\nb", "c\n", "d"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	w.Flush() // nothing is left
	if diff := cmp.Diff("       a\n       bc\n       d\n", out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}
