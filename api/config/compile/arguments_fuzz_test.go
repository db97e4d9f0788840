package compile

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What was validated is what is sent on: arguments that a schema accepts are, as
// the runtime encodes them, accepted again and encoded alike.
func FuzzArguments(f *testing.F) {
	var schemas []*Schema
	for _, raw := range []string{
		`{"type":"object","properties":{"invoiceId":{"type":"string","maxLength":8}},"required":["invoiceId"],"additionalProperties":false}`,
		`{"type":"object","properties":{"n":{"type":"integer","minimum":0},"list":{"type":"array","items":{"enum":["a",1,null]},"uniqueItems":true}},"maxProperties":3}`,
		`{"type":"object","properties":{"next":{"$ref":"#"},"s":{"pattern":"^(a+)+$"}},"patternProperties":{"^x":{"const":1.5}},"dependentRequired":{"a":["b"]}}`,
	} {
		schema, err := NewSchema(json.RawMessage(raw))
		if err != nil {
			f.Fatal(err)
		}
		schemas = append(schemas, schema)
	}
	for _, seed := range []string{
		``, `null`, ` null `, `{}`, `{"invoiceId":"INV-1"}`, `{"invoiceId":"a","invoiceId":7}`, `{"INVOICEID":"a"}`, `{"invoiceId":"\ud800"}`, `{"n":1e400}`, `{"n":12345678901234567890}`,
		`{"n":1.0,"list":["a",1,null]}`, `{"list":[1,1.0]}`, `{"next":{"next":{"s":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}}}`, `{"x":1.50,"a":1,"b":2}`, `{} {}`, `[]`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, schema := range schemas {
			args, err := schema.Arguments(raw)
			if err != nil {
				continue
			}
			sent, err := json.Marshal(args)
			if err != nil {
				t.Fatalf("%q does not encode: %v", raw, err)
			}
			again, err := schema.Arguments(sent)
			if err != nil {
				t.Fatalf("%q was accepted, and %q is not: %v", raw, sent, err)
			}
			if resent, err := json.Marshal(again); err != nil || !bytes.Equal(sent, resent) {
				t.Fatalf("%q became %q and then %q: %v", raw, sent, resent, err)
			}
		}
	})
}
