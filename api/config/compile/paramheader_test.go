package compile

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestArgumentsThatClientsRepeatInHeaders(t *testing.T) {
	schema, err := NewSchema(json.RawMessage(`{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},
		"page":{"type":"object","properties":{"size":{"type":"integer","x-mcp-header":"Page-Size"},"any":true}},
		"dry":{"type":"boolean","x-mcp-header":"dry!"},
		"note":{"type":["string","null"]}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []ParamHeader{
		{Name: "Page-Size", Path: []string{"page", "size"}, Type: "integer"},
		{Name: "Region", Path: []string{"region"}, Type: "string"},
		{Name: "dry!", Path: []string{"dry"}, Type: "boolean"},
	}
	if diff := cmp.Diff(want, schema.ParamHeaders()); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestHeadersThatClientsCouldNotSend(t *testing.T) {
	property := func(p string) string { return `{"type":"object","properties":{"a":` + p + `}}` }
	for name, tc := range map[string]struct{ schema, want string }{
		"a space in the name":       {property(`{"type":"string","x-mcp-header":"invoice id"}`), "no header name"},
		"a colon in the name":       {property(`{"type":"string","x-mcp-header":"a:b"}`), "no header name"},
		"a line break in the name":  {property(`{"type":"string","x-mcp-header":"a\r\nb"}`), "no header name"},
		"a name of other letters":   {property(`{"type":"string","x-mcp-header":"Région"}`), "no header name"},
		"no name":                   {property(`{"type":"string","x-mcp-header":""}`), "no header name"},
		"a name that is no string":  {property(`{"type":"string","x-mcp-header":7}`), "no header name"},
		"a number":                  {property(`{"type":"number","x-mcp-header":"A"}`), "the type is number"},
		"an object":                 {property(`{"type":"object","x-mcp-header":"A"}`), "the type is object"},
		"no type":                   {property(`{"x-mcp-header":"A"}`), "the type is"},
		"a choice of types":         {property(`{"type":["string","null"],"x-mcp-header":"A"}`), "the type is [string null]"},
		"a name twice":              {`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"A"}}}`, "also on a"},
		"a name in another case":    {`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"Aa"},"b":{"properties":{"c":{"type":"string","x-mcp-header":"aA"}}}}}`, "also on a"},
		"the root":                  {`{"type":"object","x-mcp-header":"A"}`, "at the root"},
		"an element of a list":      {property(`{"items":{"type":"string","x-mcp-header":"A"}}`), "at a.items"},
		"an element of an old list": {property(`{"items":[{"type":"string","x-mcp-header":"A"}]}`), "at a.items"},
		"a choice":                  {property(`{"anyOf":[{"type":"string","x-mcp-header":"A"}]}`), "at a.anyOf"},
		"a property of a choice":    {`{"type":"object","allOf":[{"properties":{"b":{"type":"string","x-mcp-header":"A"}}}]}`, "at allOf.b"},
		"a condition":               {`{"type":"object","if":{"properties":{"b":{"type":"string","x-mcp-header":"A"}}}}`, "at if.b"},
		"a definition":              {`{"type":"object","$defs":{"b":{"type":"string","x-mcp-header":"A"}}}`, "at $defs.b"},
		"any other property":        {`{"type":"object","additionalProperties":{"type":"string","x-mcp-header":"A"}}`, "at additionalProperties"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewSchema(json.RawMessage(tc.schema))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// The SDK panics over a schema that it cannot offer: one that was accepted before
// would end the runtime when its configuration arrives.
func FuzzASchemaThatCompilesCanBeOffered(f *testing.F) {
	for _, seed := range []string{
		`{"type":"object"}`, `{"Type":"object"}`, `{"type":"string","Type":"object"}`, `{"type":"object","type":"string"}`, `{"type":["object"]}`, `null`, `true`,
		`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"integer","x-mcp-header":"B"}}}`,
		`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"a b"}}}`, `{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}`,
		`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}},"Properties":{"b":{"type":"string","x-mcp-header":"a"}}}`,
		`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}},"properties":{"b":{"type":"string","x-mcp-header":"A"}}}`,
		`{"type":"object","properties":{"a":{"properties":{"b":{"type":"boolean","x-mcp-header":"B"}}},"c":true}}`,
		`{"type":"object","properties":{"a":{"type":"string","X-Mcp-Header":"a b"}}}`, `{"type":"object","properties":{"a":{"x-mcp-header":null}}}`,
	} {
		f.Add([]byte(seed))
	}
	offer := func(raw []byte) (panicked any) {
		defer func() { panicked = recover() }()
		server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ServerOptions{Logger: slog.New(slog.DiscardHandler)})
		server.AddTool(&mcp.Tool{Name: "tool", InputSchema: json.RawMessage(raw)}, nil)
		return nil
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := NewSchema(raw); err != nil {
			return
		}
		if p := offer(raw); p != nil {
			t.Fatalf("%q compiles, and the SDK panics: %v", raw, p)
		}
	})
}
