package compile

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// withArgument is a schema of which the argument a has a schema of its own.
func withArgument(t *testing.T, schema string) *Schema {
	t.Helper()
	s, err := NewSchema(json.RawMessage(`{"type":"object","properties":{"a":` + schema + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func anyOf(n int, schema string) string {
	schemas := make([]string, n)
	for i := range schemas {
		schemas[i] = strings.ReplaceAll(schema, "#", fmt.Sprint(i))
	}
	return `{"anyOf":[` + strings.Join(schemas, ",") + `]}`
}

func TestErrorsQuoteArgumentsInShort(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	for name, tc := range map[string]struct{ schema, value, want string }{
		"a string":        {`{"type":"integer"}`, `"x\ny"`, `type: "x\ny" has type "string", want "integer"`},
		"a long string":   {`{"type":"integer"}`, `"` + long + `"`, `type: "` + strings.Repeat("ä", 50) + `"... has type "string"`},
		"an odd boundary": {`{"type":"integer"}`, `"x` + long + `"`, `type: "x` + strings.Repeat("ä", 49) + `"... has type "string"`},
		"an array":        {`{"const":1}`, `["secret",2]`, "const: an array of 2 does not equal 1"},
		"an object":       {`{"enum":["b"]}`, `{"x":"secret"}`, "enum: an object of 1 does not equal any of: [b]"},
		"a number":        {`{"type":"string"}`, `1.5`, `type: 1.5 has type "number", want "string"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := withArgument(t, tc.schema).Arguments(json.RawMessage(`{"a":` + tc.value + `}`))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v; want %q in it", err, tc.want)
			}
		})
	}
}

// The values that quote themselves in short are to the validator what they are made of.
func TestValuesAreWhatTheyAreMadeOf(t *testing.T) {
	for name, tc := range map[string]struct{ schema, good, bad string }{
		"const of a string":     {`{"const":"x"}`, `"x"`, `"y"`},
		"const of an array":     {`{"const":["x",{"y":1}]}`, `["x",{"y":1.0}]`, `["x",{"y":2}]`},
		"const of an object":    {`{"const":{"x":["y"]}}`, `{"x":["y"]}`, `{"x":[]}`},
		"enum":                  {`{"enum":[1,"x",null,{}]}`, `{}`, `[]`},
		"unique items":          {`{"uniqueItems":true}`, `["x","y",{"x":1}]`, `[{"x":["y"]},{"x":["y"]}]`},
		"pattern":               {`{"pattern":"^x$"}`, `"x"`, `"y"`},
		"names that match":      {`{"propertyNames":{"pattern":"^x$"}}`, `{"x":1}`, `{"y":1}`},
		"properties by name":    {`{"patternProperties":{"^x":{"type":"string"}},"additionalProperties":false}`, `{"x1":""}`, `{"y":""}`},
		"unevaluated":           {`{"properties":{"x":{}},"unevaluatedProperties":false}`, `{"x":1}`, `{"x":1,"y":1}`},
		"items":                 {`{"prefixItems":[{"type":"string"}],"items":{"type":"object"}}`, `["x",{}]`, `["x",[]]`},
		"contains":              {`{"contains":{"const":"x"}}`, `["y","x"]`, `["y"]`},
		"required together":     {`{"dependentRequired":{"x":["y"]}}`, `{"x":1,"y":1}`, `{"x":1}`},
		"length in code points": {`{"maxLength":2}`, `"äö"`, `"äöü"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := withArgument(t, tc.schema)
			if _, err := s.Arguments(json.RawMessage(`{"a":` + tc.good + `}`)); err != nil {
				t.Errorf("%s: %v", tc.good, err)
			}
			if _, err := s.Arguments(json.RawMessage(`{"a":` + tc.bad + `}`)); err == nil {
				t.Errorf("%s is taken", tc.bad)
			}
		})
	}
}

func TestAlternativesThatQuoteAreCounted(t *testing.T) {
	const pattern = `{"pattern":"^#$"}`
	for name, tc := range map[string]struct {
		schema string
		want   int
	}{
		"none":                      {`{"type":"string"}`, 0},
		"a pattern":                 {pattern, 1},
		"one of some":               {anyOf(5, pattern), 5},
		"one of constants":          {anyOf(5, `{"const":"#"}`), 0},
		"one of objects":            {anyOf(3, `{"type":"object","properties":{"#":{}},"additionalProperties":false}`), 3},
		"alternatives of an array":  {`{"items":` + anyOf(4, pattern) + `}`, 4},
		"some in some":              {anyOf(3, anyOf(2, pattern)), 6},
		"side by side":              {`{"properties":{"x":` + anyOf(3, pattern) + `,"y":` + anyOf(2, pattern) + `}}`, 3},
		"in capitals":               {`{"ANYOF":[{"PATTERN":"x"},{"PATTERN":"y"}]}`, 2},
		"a tree":                    {`{"anyOf":[{"pattern":"x","properties":{"child":{"$ref":"#/properties/a"}}},{"pattern":"y"}]}`, 2},
		"of which the first counts": {`{"allOf":[` + pattern + `,` + pattern + `]}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := withArgument(t, tc.schema).quotes; got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
	doubling := `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{`
	for i := range 40 {
		doubling += fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	s, err := NewSchema(json.RawMessage(doubling + `"d40":{"pattern":"x"}}}`))
	if err != nil || s.quotes != maxQuoted {
		t.Errorf("%v, %v; want %d", s, err, maxQuoted)
	}
}

// allocated is how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A request is at most as large as limits.requestBytes says. What judging it takes has to
// be in proportion, since callers share the memory of a pod.
func TestJudgingArgumentsTakesLittleMemory(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for name, tc := range map[string]struct{ schema, value string }{
		"one of 50 constants":         {anyOf(50, `{"const":"#"}`), `"` + large + `"`},
		"one of 50 types":             {anyOf(50, `{"type":"integer","minimum":#}`), `"` + large + `"`},
		"an array for a constant":     {anyOf(50, `{"const":"#"}`), `["` + strings.Repeat(`1","`, 1<<17) + `"]`},
		"an object for a constant":    {anyOf(50, `{"const":"#"}`), `{"` + large + `":1}`},
		"one of 50 patterns":          {anyOf(50, `{"pattern":"^#$"}`), `"` + large + `"`},
		"one of 50 objects":           {anyOf(50, `{"properties":{"#":{}},"additionalProperties":false}`), `{"` + large + `":1}`},
		"beside what may be anything": {`{"properties":{"kind":` + anyOf(50, `{"const":"#"}`) + `,"text":{}}}`, `{"kind":"x","text":"` + large + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := withArgument(t, tc.schema)
			raw := json.RawMessage(`{"a":` + tc.value + `}`)
			var err error
			took := allocated(func() { _, err = s.Arguments(raw) })
			if err == nil {
				t.Fatal("they are taken")
			}
			if most := uint64(48 << 20); took > most {
				t.Errorf("took %d MiB, want %d at most", took>>20, most>>20)
			}
			if len(err.Error()) > 64<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestLargeArgumentsAreTakenWhereFewAlternativesQuoteThem(t *testing.T) {
	large := `"` + strings.Repeat("x", 1<<20) + `"`
	for name, schema := range map[string]string{
		"a pattern":           `{"pattern":"^x*$"}`,
		"one of two patterns": `{"anyOf":[{"pattern":"^y"},{"pattern":"^x"}]}`,
		"one of 50 types":     anyOf(50, `{"type":"string","title":"#"}`),
	} {
		if _, err := withArgument(t, schema).Arguments(json.RawMessage(`{"a":` + large + `}`)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
