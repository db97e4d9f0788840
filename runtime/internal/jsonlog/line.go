package jsonlog

import (
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// line is one that is being encoded.
type line struct {
	json []byte
	// beyond tells that there was something that is left to slog.
	beyond bool
}

// maxKept bounds a buffer that is kept for the next line, as slog does.
const maxKept = 16 << 10

var free = sync.Pool{New: func() any { return &line{json: make([]byte, 0, 1<<10)} }}

func take() *line {
	l, _ := free.Get().(*line)
	return l
}

func (l *line) giveBack() {
	if cap(l.json) <= maxKept {
		*l = line{json: l.json[:0]}
		free.Put(l)
	}
}

// record encodes r behind the attributes of its logger.
func (l *line) record(r *slog.Record, with *line) {
	if l.beyond = with.beyond || r.Time.IsZero(); l.beyond {
		return
	}
	l.time(r.Time)
	l.json = append(l.json, `,"level":`...)
	l.word(r.Level.String())
	l.json = append(l.json, `,"msg":`...)
	l.word(r.Message)
	l.json = append(l.json, with.json...)
	r.Attrs(func(a slog.Attr) bool {
		l.attr(a)
		return !l.beyond
	})
	l.json = append(l.json, "}\n"...)
}

func (l *line) time(t time.Time) {
	if year := t.Year(); year < 0 || year > 9999 {
		l.beyond = true // RFC 3339 has four digits for it
		return
	}
	l.json = append(l.json, `{"time":"`...)
	l.json = t.AppendFormat(l.json, time.RFC3339Nano)
	l.json = append(l.json, '"')
}

func (l *line) attr(a slog.Attr) {
	if a.Key == "" {
		l.beyond = true // perhaps one that is left out
		return
	}
	l.json = append(l.json, ',')
	l.word(a.Key)
	l.json = append(l.json, ':')
	l.value(a.Value)
}

func (l *line) value(v slog.Value) {
	switch v.Kind() { //nolint:exhaustive // the others are left to slog
	case slog.KindString:
		l.word(v.String())
	case slog.KindInt64:
		l.json = strconv.AppendInt(l.json, v.Int64(), 10)
	case slog.KindDuration:
		l.json = strconv.AppendInt(l.json, int64(v.Duration()), 10)
	case slog.KindAny:
		words, _ := v.Any().([]string)
		l.words(words)
	default:
		l.beyond = true
	}
}

// words encodes a list. One without words is [] or null: slog knows.
func (l *line) words(words []string) {
	if len(words) == 0 {
		l.beyond = true
		return
	}
	separator := byte('[')
	for _, word := range words {
		l.json = append(l.json, separator)
		l.word(word)
		separator = ','
	}
	l.json = append(l.json, ']')
}

// word encodes text that is in JSON what it is between quotes.
func (l *line) word(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			l.beyond = true
			return
		}
	}
	l.json = append(l.json, '"')
	l.json = append(l.json, s...)
	l.json = append(l.json, '"')
}
