package compile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// A schema is compiled from its own text. Whatever it names elsewhere, nobody
// looks there.
func TestNothingThatASchemaNamesIsFetched(t *testing.T) {
	var fetched atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write([]byte(`{"type":"string"}`))
	}))
	defer elsewhere.Close()
	for name, tc := range map[string]struct {
		schema  string
		refused bool
	}{
		"a reference":                          {`{"type":"object","properties":{"a":{"$ref":"URL/a"}}}`, true},
		"a dynamic reference":                  {`{"type":"object","properties":{"a":{"$dynamicRef":"URL/a"}}}`, true},
		"a reference beside the schema's name": {`{"$id":"URL/root","type":"object","properties":{"a":{"$ref":"a"}}}`, true},
		"a reference in a definition":          {`{"type":"object","$defs":{"d":{"$id":"URL/d","items":{"$ref":"e"}}}}`, true},
		"a meta-schema":                        {`{"$schema":"URL/draft","type":"object"}`, true},
		"an identifier, and a link in a text":  {`{"$id":"URL/root","type":"object","description":"see URL/a"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			schema, err := NewSchema(json.RawMessage(strings.ReplaceAll(tc.schema, "URL", elsewhere.URL)))
			if refused := err != nil; refused != tc.refused {
				t.Errorf("error %v, want one: %v", err, tc.refused)
			}
			if schema != nil {
				_, _ = schema.Arguments(json.RawMessage(`{"a":"x"}`))
			}
		})
	}
	if n := fetched.Load(); n != 0 {
		t.Errorf("%d fetches", n)
	}
}

// chain is a schema that judges its value by n others, each by the next. Backwards,
// the last of them comes first.
func chain(n int, backwards bool) string {
	name := func(i int) string {
		if backwards {
			i = n - i
		}
		return fmt.Sprintf("d%06d", i)
	}
	var defs strings.Builder
	for i := range n {
		fmt.Fprintf(&defs, `"%s":{"allOf":[{"$ref":"#/$defs/%s"}]},`, name(i), name(i+1))
	}
	return fmt.Sprintf(`{"type":"object","$defs":{%s"%s":{}}}`, defs.String(), name(n))
}

// A schema of 550 kB took 2.8 GB, of an operator that has 256 MB for all.
func TestLongChainsOfReferencesTakeLittle(t *testing.T) {
	for _, backwards := range []bool{false, true} {
		raw := json.RawMessage(chain(8000, backwards))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewSchema(raw)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "more than 128 schemas") {
			t.Errorf("backwards %v: %v; want a refusal of the chain", backwards, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 200<<20 {
			t.Errorf("backwards %v: %d MiB were allocated for %d kB", backwards, took>>20, len(raw)>>10)
		}
		if _, err := NewSchema(json.RawMessage(chain(40, backwards))); err != nil {
			t.Errorf("backwards %v: a chain of 40: %v", backwards, err)
		}
	}
}
