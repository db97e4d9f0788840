package compile

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
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
