package compile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestDepth(t *testing.T) {
	for body, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `{"a":[{}]}`: 3, `[[],[[]]]`: 3,
		`"[[["`: 0, `"\"[["`: 0, `"\\"[[]]`: 2, `{"[":"{"}`: 1,
		strings.Repeat("[", 1000): 1000,
	} {
		if got := Depth([]byte(body)); got != want {
			t.Errorf("%.20s: depth %d, want %d", body, got, want)
		}
	}
}

// Of valid JSON the depth is what a decoder finds.
func FuzzDepth(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"]"}]}`, `"\\\"["`, `[[[]]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v any
		if json.Unmarshal(body, &v) != nil {
			return
		}
		if got, want := Depth(body), depthOf(v); got < want {
			t.Fatalf("%q: depth %d, a decoder finds %d", body, got, want)
		}
	})
}

func depthOf(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			deepest = max(deepest, depthOf(e))
		}
		return deepest + 1
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, depthOf(e))
		}
		return deepest + 1
	}
	return 0
}

func TestManySchemasBelowALongNameAreRefused(t *testing.T) {
	below := func(name, n int) json.RawMessage {
		return json.RawMessage(`{"type":"object","properties":{"` + strings.Repeat("k", name) + `":{"properties":{` + strings.Repeat("#", n) + `"z":{}}}}}`)
	}
	for _, tc := range []struct {
		name, n int
		ok      bool
	}{{100_000, 0, true}, {100, 5000, true}, {100_000, 5000, false}} {
		raw := string(below(tc.name, tc.n))
		var b strings.Builder
		for i, part := range strings.Split(raw, "#") {
			if b.WriteString(part); i < tc.n {
				fmt.Fprintf(&b, `"a%d":{},`, i)
			}
		}
		_, err := NewSchema(json.RawMessage(b.String()))
		if (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), "below long names") {
			t.Errorf("%d schemas below a name of %d: %v", tc.n, tc.name, err)
		}
	}
}
