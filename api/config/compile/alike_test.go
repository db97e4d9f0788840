package compile

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// divided returns n ways to divide one text into eight.
func divided(n int) []string {
	const word = "abcdefghijklmnopqrstuv"
	var items []string
	for cuts := uint(0); len(items) < n; cuts++ {
		if bits.OnesCount(cuts) != 7 {
			continue
		}
		var b strings.Builder
		for i := range len(word) {
			b.WriteByte(word[i])
			if cuts>>i&1 == 1 {
				b.WriteString(`","`)
			}
		}
		items = append(items, `["`+b.String()+`"]`)
	}
	return items
}

// objects are divided between name and value.
func objects(items []string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		name, rest, _ := strings.Cut(strings.TrimPrefix(item, "["), ",")
		out[i] = "{" + name + ":[" + rest + "}"
	}
	return out
}

// texts like the bytes that are hashed of a number, or that number: 2^5 items.
func numbers() []string {
	const five = `"\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0002\u0005\u0001"`
	var items []string
	for choice := range 32 {
		item := make([]string, 5)
		for i := range item {
			if item[i] = "5"; choice>>i&1 == 1 {
				item[i] = five
			}
		}
		items = append(items, "["+strings.Join(item, ",")+"]")
	}
	return items
}

// nothings are made of null and false: 2^12 items.
func nothings() []string {
	var items []string
	for choice := range 1 << 12 {
		item := make([]string, 12)
		for i := range item {
			if item[i] = "null"; choice>>i&1 == 1 {
				item[i] = "false"
			}
		}
		items = append(items, "["+strings.Join(item, ",")+"]")
	}
	return items
}

func TestUniqueItemsAreNotComparedForLong(t *testing.T) {
	unique := `{"type":"array","uniqueItems":true}`
	for name, tc := range map[string]struct {
		schema string
		items  []string
	}{
		"texts divided in many ways":  {unique, divided(6000)},
		"names and values":            {unique, objects(divided(6000))},
		"numbers and texts like them": {unique, numbers()},
		"null and false":              {unique, nothings()},
		"within an alternative":       {`{"anyOf":[{"type":"string"},{"UniqueItems":true}]}`, divided(6000)},
		"one beside many that differ": {unique, append(divided(6000)[:17], plain(6000)...)},
	} {
		t.Run(name, func(t *testing.T) {
			s := withArgument(t, tc.schema)
			_, err := s.Arguments(json.RawMessage(`{"a":[` + strings.Join(tc.items, ",") + `]}`))
			if err == nil || !strings.Contains(err.Error(), "takes too long to compare") {
				t.Errorf("%v; want a refusal that says what takes too long", err)
			}
		})
	}
}

// plain are items that nothing is odd about.
func plain(n int) []string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"INV-%d","n":%d,"f":%d.5,"x":[true,null]}`, i, i, i)
	}
	return items
}

func TestUniqueItemsAreWhatTheySay(t *testing.T) {
	s := withArgument(t, `{"type":"array","uniqueItems":true}`)
	for name, tc := range map[string]struct {
		items []string
		ok    bool
	}{
		"many that differ":               {plain(5000), true},
		"as many alike as may be":        {divided(maxAlike), true},
		"the same twice, among many":     {append(plain(5000), plain(1)...), false},
		"the same over and over":         {strings.Split(strings.Repeat(`["x"] `, 99)+`["x"]`, " "), false},
		"what is the same but for order": {[]string{`["a","b"]`, `["b","a"]`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Arguments(json.RawMessage(`{"a":[` + strings.Join(tc.items, ",") + `]}`))
			if (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), "uniqueItems") {
				t.Errorf("%v; want it to be good: %v", err, tc.ok)
			}
		})
	}
	// Equal ones elsewhere are not what takes long.
	elsewhere := withArgument(t, `{"type":"object","properties":{"u":{"uniqueItems":true}}}`)
	if _, err := elsewhere.Arguments(json.RawMessage(`{"a":{"v":[` + strings.TrimSuffix(strings.Repeat(`["x"],`, 100), ",") + `]}}`)); err != nil {
		t.Error(err)
	}
}

// Arguments are nested 64 deep at most, and what is inside is in each array around it.
func TestItemsAreLookedAtOnceHoweverDeep(t *testing.T) {
	s := withArgument(t, `{"type":"object","properties":{"u":{"uniqueItems":true}}}`)
	took := func(deep int) float64 {
		items := "[" + strings.TrimSuffix(strings.Repeat("1,", 20_000), ",") + "]"
		for range deep {
			items = "[" + strings.Repeat("0,", maxAlike) + items + "]"
		}
		raw := json.RawMessage(`{"a":{"v":` + items + `}}`)
		return testing.AllocsPerRun(1, func() {
			if _, err := s.Arguments(raw); err != nil {
				t.Fatal(err)
			}
		})
	}
	if flat, deep := took(0), took(58); deep > 3*flat {
		t.Errorf("%.0f allocations, and %.0f where the same is nested", flat, deep)
	}
}
