package tools

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/securedmcp/operator/api/config/compile"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
)

func TestWhatIsStructured(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		many.WriteString(`"m` + strconv.Itoa(i) + `":{},`)
	}
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth-1) + `{}` + strings.Repeat("}", depth-1) }
	for name, tc := range map[string]struct {
		text string
		want bool
	}{
		"an object":                              {`{"a":1,"b":[1,"a"],"c":{"a":2}}`, true},
		"an empty object":                        {" \r\n\t{} ", true},
		"a list":                                 {`[{"a":1}]`, false},
		"null":                                   {`null`, false},
		"nothing":                                {``, false},
		"two documents":                          {`{}{}`, false},
		"an object that does not end":            {`{"a":"`, false},
		"a string that ends in an escape":        {`{"a":"\`, false},
		"as deep as allowed":                     {nested(httpmw.MaxDepth), true},
		"too deep":                               {nested(httpmw.MaxDepth + 1), false},
		"lists that are too deep":                {`{"a":` + strings.Repeat("[", httpmw.MaxDepth) + strings.Repeat("]", httpmw.MaxDepth) + `}`, false},
		"a repeated name":                        {`{"a":1,"a":2}`, false},
		"a repeated name of one value":           {`{"a":1,"a":1}`, false},
		"a repeated name that is empty":          {`{"":1,"":2}`, false},
		"a repeated name with others between":    {`{"a":1,"b":{"x":{}},"c":[{"y":1}],"a":2}`, false},
		"a repeated name far inside":             {`{"l":[[{"o":{"a":1,"b":2,"a":3}}]]}`, false},
		"a repeated name among many":             {`{` + many.String() + `"m500":1}`, false},
		"many names":                             {`{` + many.String() + `"n":1}`, true},
		"a name that is escaped once":            {`{"a":1,"\u0061":2}`, false},
		"a name escaped in two ways":             {`{"\/":1,"\u002F":2}`, false},
		"a name in a surrogate pair":             {`{"😀":1,"\ud83d\ude00":2}`, false},
		"names that many readers take for one":   {`{"\ud800":1,"\udfff":2}`, false},
		"names that differ in an escape":         {`{"a":1,"\\u0061":2}`, true},
		"names that differ in case":              {`{"a":1,"A":2}`, true},
		"a name before spaces":                   {"{\"a\" \n:1,\"a\"\t\r :2}", false},
		"names of objects beside each other":     {`{"l":[{"a":1},{"a":2}],"m":{"a":3}}`, true},
		"the name of an object in it":            {`{"a":{"a":{"a":1}}}`, true},
		"a value that is written like a name":    {`{"a":"a","b":"\"a\":","c":"}{"}`, true},
		"values that repeat":                     {`{"a":"x","b":"x","c":["x","x"]}`, true},
		"a repeated name behind quotes in names": {`{"\"":1,"a":2,"\u0022":3}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isStructured(tc.text); got != tc.want {
				t.Errorf("%.80s: %v, want %v", tc.text, got, tc.want)
			}
		})
	}
}

// What is structured is what a decoder that looks at every member says.
func FuzzWhatIsStructured(f *testing.F) {
	for _, seed := range []string{`{"a":1,"\u0061":2}`, `{"a":[{"b":"}"},{"b":"\\"}],"c" :{}}`, `{"":{"":""}}`, `{"\ud800":1,"\ufffd":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // upstreams' answers are mended before
		}
		want := json.Valid([]byte(text)) && strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") &&
			compile.Depth([]byte(text)) <= httpmw.MaxDepth && !repeatsName(json.NewDecoder(strings.NewReader(text)))
		if got := isStructured(text); got != want {
			t.Fatalf("%q: %v, a decoder says %v", text, got, want)
		}
	})
}

// repeats reads one value and tells whether an object of it repeats a name.
func repeatsName(d *json.Decoder) bool {
	open, err := d.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return false
	}
	again, seen := false, map[any]bool{}
	for d.More() {
		if open == json.Delim('{') {
			name, _ := d.Token()
			again = again || seen[name]
			seen[name] = true
		}
		again = repeatsName(d) || again
	}
	_, _ = d.Token() // what closes it
	return again
}
