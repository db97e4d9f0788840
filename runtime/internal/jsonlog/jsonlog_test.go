package jsonlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 7, 28, 12, 0, 0, 123456789, time.FixedZone("", 2*60*60))

// both returns what one record comes to by slog's handler and by ours.
func both(t *testing.T, with func(slog.Handler) slog.Handler, r slog.Record) (want, got string) {
	t.Helper()
	var theirs, ours bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&theirs, nil), New(&ours, nil)} {
		if err := with(h).Handle(t.Context(), r.Clone()); err != nil {
			t.Fatal(err)
		}
	}
	return theirs.String(), ours.String()
}

func bare(h slog.Handler) slog.Handler { return h }

func TestLinesAreThoseOfSlog(t *testing.T) {
	attrs := map[string][]slog.Attr{
		"none":                 nil,
		"words":                {slog.String("decision", "denied"), slog.String("reason", "expired")},
		"no word":              {slog.String("a", "")},
		"more than a record":   {slog.Int("a", 1), slog.Int("b", 2), slog.Int("c", 3), slog.Int("d", 4), slog.Int("e", 5), slog.Int("f", 6), slog.Int("g", -7)},
		"a duration":           {slog.Duration("duration", 1500*time.Microsecond)},
		"words in a list":      {slog.Any("scopesNeeded", []string{"a:read", "b"}), slog.Any("scopesHeld", []string{"c"})},
		"an empty list":        {slog.Any("a", []string{})},
		"no list":              {slog.Any("a", []string(nil))},
		"quotes":               {slog.String("a", `say "no"`), slog.String("b", `\`)},
		"quotes in a list":     {slog.Any("a", []string{"b", `c"d`})},
		"quotes in a name":     {slog.String(`a"b`, "c")},
		"lines":                {slog.String("a", "b\nc\td\x00\x7f")},
		"what HTML would mind": {slog.String("a", "<b>&'")},
		"beyond ASCII":         {slog.String("a", "Zürich \u2028")},
		"not UTF-8":            {slog.String("a", "b\xff")},
		"no name":              {slog.String("", "a"), {}},
		"a group":              {slog.Group("a", "b", 1)},
		"an error":             {slog.Any("error", errors.New("gone"))},
		"a number":             {slog.Float64("a", math.Pi), slog.Uint64("b", 1), slog.Bool("c", true)},
		"a time":               {slog.Time("a", noon)},
		"nothing":              {slog.Any("a", nil)},
		"a level":              {slog.Any("a", slog.LevelWarn)},
	}
	withs := map[string]func(slog.Handler) slog.Handler{
		"bare": bare,
		"with": func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.String("log", "audit"), slog.Int("n", 1)})
		},
		"with twice": func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.String("a", "b")}).WithAttrs([]slog.Attr{slog.String("c", "d")})
		},
		"with an error": func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.Any("error", errors.New("gone"))})
		},
		"with nothing": func(h slog.Handler) slog.Handler { return h.WithAttrs(nil) },
		"in no group":  func(h slog.Handler) slog.Handler { return h.WithGroup("") },
		"in a group": func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.String("a", "b")}).WithGroup("g")
		},
		"with in a group": func(h slog.Handler) slog.Handler {
			return h.WithGroup("g").WithAttrs([]slog.Attr{slog.String("a", "b")})
		},
	}
	for withName, with := range withs {
		for name, attrs := range attrs {
			t.Run(withName+"/"+name, func(t *testing.T) {
				r := slog.NewRecord(noon, slog.LevelInfo, "decision", 0)
				r.AddAttrs(attrs...)
				if want, got := both(t, with, r); got != want {
					t.Errorf("got  %swant %s", got, want)
				}
			})
		}
	}
}

func TestRecordsAreThoseOfSlog(t *testing.T) {
	for name, r := range map[string]slog.Record{
		"in UTC":            slog.NewRecord(noon.UTC(), slog.LevelError, "a", 0),
		"now":               slog.NewRecord(time.Now(), slog.LevelWarn, "a", 0),
		"never":             slog.NewRecord(time.Time{}, slog.LevelInfo, "a", 0),
		"in the year 0":     slog.NewRecord(noon.AddDate(-2026, 0, 0), slog.LevelInfo, "a", 0),
		"in the year 12026": slog.NewRecord(noon.AddDate(10_000, 0, 0), slog.LevelInfo, "a", 0),
		"between levels":    slog.NewRecord(noon, slog.LevelInfo+1, "a", 0),
		"no message":        slog.NewRecord(noon, slog.LevelInfo, "", 0),
		"a long message":    slog.NewRecord(noon, slog.LevelInfo, strings.Repeat("a", 5000), 0),
		"quotes":            slog.NewRecord(noon, slog.LevelInfo, `say "no"`, 0),
	} {
		t.Run(name, func(t *testing.T) {
			if want, got := both(t, bare, r); got != want {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
}

func FuzzLinesAreThoseOfSlog(f *testing.F) {
	f.Add("decision", "reason", "expired", int64(3))
	f.Add("a\"", "\\", "\xff\u2028", int64(-1))
	f.Fuzz(func(t *testing.T, message, key, word string, n int64) {
		r := slog.NewRecord(noon, slog.LevelInfo, message, 0)
		r.AddAttrs(slog.String(key, word), slog.Int64("n", n), slog.Any("words", []string{word, key}))
		with := func(h slog.Handler) slog.Handler { return h.WithAttrs([]slog.Attr{slog.String(word, key)}) }
		if want, got := both(t, with, r); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	})
}

func TestLoggersOfOneHandlerShareNothingOfTheirs(t *testing.T) {
	var log bytes.Buffer
	base := slog.New(New(&log, nil)).With("a", "1")
	b, c := base.With("b", "2"), base.With("c", "3")
	b.Info("m")
	c.Info("m")
	if got := log.String(); strings.Count(got, `"b":"2"`) != 1 || strings.Count(got, `"c":"3"`) != 1 {
		t.Errorf("log: %s", got)
	}
}

func TestTheLevelIsFollowed(t *testing.T) {
	level := new(slog.LevelVar)
	h := New(io.Discard, level)
	for _, want := range []bool{false, true} {
		if got := h.WithAttrs(nil).Enabled(t.Context(), slog.LevelDebug); got != want {
			t.Errorf("at %s debug is enabled: %v", level, got)
		}
		level.Set(slog.LevelDebug)
	}
}

// one tells of writes that are not one whole line.
type one struct {
	t     *testing.T
	mu    sync.Mutex
	lines int
}

func (o *one) Write(line []byte) (int, error) {
	if !o.mu.TryLock() {
		o.t.Error("two lines are written at once")
		return 0, errors.New("busy")
	}
	defer o.mu.Unlock()
	if bytes.Count(line, []byte("\n")) != 1 || !bytes.HasSuffix(line, []byte("}\n")) {
		o.t.Errorf("no line: %q", line)
	}
	o.lines++
	return len(line), nil
}

func TestLinesAreWrittenOneByOne(t *testing.T) {
	out := &one{t: t}
	logger := slog.New(New(out, nil))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 100 {
				logger.Info("m", "plain", i)
				logger.Info("m", "escaped", fmt.Sprintf("%d\n", j))
			}
		})
	}
	group.Wait()
	if want := 8 * 100 * 2; out.lines != want {
		t.Errorf("%d lines, want %d", out.lines, want)
	}
}

func TestALineThatCannotBeWrittenIsAnError(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if err := New(w, nil).Handle(t.Context(), slog.NewRecord(noon, slog.LevelInfo, "m", 0)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

// BenchmarkLine compares the two by the line of a refusal.
func BenchmarkLine(b *testing.B) {
	nowhere := bufio.NewWriter(io.Discard)
	for name, h := range map[string]slog.Handler{"slog": slog.NewJSONHandler(nowhere, nil), "ours": New(nowhere, nil)} {
		h = h.WithAttrs([]slog.Attr{slog.String("log", "audit"), slog.String("resource", "https://mcp.example.com/bench"), slog.String("issuer", "https://issuer.example.com")})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			needs := []string{"call"}
			for b.Loop() {
				r := slog.NewRecord(time.Now(), slog.LevelInfo, "decision", 0)
				r.AddAttrs(slog.String("decision", "denied"), slog.String("reason", "malformed_token"), slog.String("requestID", "6MA4PLLM6PW6TRX4FOJY3FTVLX"), slog.Any("scopesNeeded", needs))
				_ = h.Handle(b.Context(), r)
			}
		})
	}
}
