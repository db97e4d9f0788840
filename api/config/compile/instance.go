package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The validator quotes a value in its error, once for each schema of an anyOf that it
// does not fit, and keeps all of them. As these, which are to it what they are made
// of, values quote themselves in short.
type (
	text   string
	list   []any
	object map[string]any
)

// maxQuote is how many bytes of a string are quoted.
const maxQuote = 100

func (t text) Format(f fmt.State, _ rune) {
	short := string(t)
	if len(short) <= maxQuote {
		fmt.Fprint(f, strconv.Quote(short))
		return
	}
	end := maxQuote
	for !utf8.RuneStart(short[end]) {
		end--
	}
	fmt.Fprint(f, strconv.Quote(short[:end])+"...")
}

func (l list) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "an array of %d", len(l)) }

func (o object) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "an object of %d", len(o)) }

// instance returns v as the validator wants it, with numbers of Go's own types, and
// the most bytes of it that one error quotes nevertheless: a string that does not fit a
// pattern or a length, or the names of an object that may not be there.
func instance(v any) (out any, longest int, err error) {
	switch v := v.(type) {
	case json.Number:
		out, err = plainNumber(string(v))
		return out, 0, err
	case string:
		return text(v), len(v), nil
	case []any:
		l := make(list, len(v))
		for i, e := range v {
			var n int
			if l[i], n, err = instance(e); err != nil {
				return nil, 0, err
			}
			longest = max(longest, n)
		}
		return l, longest, nil
	case map[string]any:
		o, names := make(object, len(v)), 0
		for name, e := range v {
			var n int
			if o[name], n, err = instance(e); err != nil {
				return nil, 0, err
			}
			names += len(name)
			longest = max(longest, n)
		}
		return o, max(longest, names), nil
	}
	return v, 0, nil
}

// plainNumber also refuses what a double cannot hold: upstreams are likely to
// read numbers as one.
func plainNumber(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, errors.New("a number is out of the range of a double")
	}
	return n, nil
}
