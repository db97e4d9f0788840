package compile

import (
	"encoding/json"
	"testing"
)

func TestFlatSchemasAreTheOnesThatConstrainLittle(t *testing.T) {
	for schema, want := range map[string]bool{
		`{"type":"object"}`: true,
		`{"type":"object","properties":{"a":{"type":"string","description":"A"}},"required":["a"],"additionalProperties":false}`: true,
		`{"type":"object","properties":{"a":{"type":"string","maxLength":8}}}`:                                                   false,
		`{"type":"object","properties":{"a":{"type":["string","null"]}}}`:                                                        false,
		`{"type":"object","properties":{"a":{"type":"number"}}}`:                                                                 false,
		`{"type":"object","properties":{"a":{"type":"object"}}}`:                                                                 false,
		`{"type":"object","properties":{"a":true}}`:                                                                              false,
		`{"type":"object","additionalProperties":{"type":"string"}}`:                                                             false,
		`{"type":"object","minProperties":1}`:                                                                                    false,
		`{"type":"object","$defs":{"a":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/a"}}}`:                              false,
	} {
		s, err := NewSchema(json.RawMessage(schema))
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		if got := s.flat != nil; got != want {
			t.Errorf("%s: flat %t, want %t", schema, got, want)
		}
	}
}

func TestAFlatSchemaAdmitsWhatCertainlyFits(t *testing.T) {
	const open = `{"type":"object","properties":{"a":{"type":"string"},"n":{"type":"integer"},"b":{"type":"boolean"}},"required":["a"]}`
	const closed = `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`
	for name, tc := range map[string]struct {
		schema, args       string
		admitted, accepted bool
	}{
		"all of their types":                {open, `{"a":"x","n":-1,"b":true}`, true, true},
		"another name":                      {open, `{"a":"x","c":"y"}`, true, true},
		"another name that holds an object": {open, `{"a":"x","c":{}}`, false, true},
		"a whole number with a fraction":    {open, `{"a":"x","n":1.0}`, false, true},
		"a number beyond 64 bits":           {open, `{"a":"x","n":9223372036854775808}`, false, true},
		"a fraction":                        {open, `{"a":"x","n":1.5}`, false, false},
		"a number in place of a text":       {open, `{"a":1}`, false, false},
		"null in place of a text":           {open, `{"a":null}`, false, false},
		"a text in place of a truth value":  {open, `{"a":"x","b":"true"}`, false, false},
		"what is required is missing":       {open, `{"n":1}`, false, false},
		"a name in another case":            {open, `{"A":"x"}`, false, false},
		"no arguments":                      {closed, ``, true, true},
		"another name where there is none":  {closed, `{"a":"x","c":"y"}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewSchema(json.RawMessage(tc.schema))
			if err != nil {
				t.Fatal(err)
			}
			args, err := decodeArguments(json.RawMessage(tc.args))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.flat.admits(args); got != tc.admitted {
				t.Errorf("admitted %t, want %t", got, tc.admitted)
			}
			if _, err := s.Arguments(json.RawMessage(tc.args)); (err == nil) != tc.accepted {
				t.Errorf("%v; want accepted %t", err, tc.accepted)
			}
		})
	}
}
