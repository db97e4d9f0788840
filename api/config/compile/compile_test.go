package compile

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

func TestSchemasThatDoNotCompile(t *testing.T) {
	for name, tc := range map[string]struct{ schema, want string }{
		"one that is nested deep":        {`{"type":"object","properties":{"a":` + strings.Repeat(`{"not":`, 10_000) + `{}` + strings.Repeat(`}`, 10_000) + `}}`, "is nested 10003 deep; at most 128"},
		"a pattern that is large":        {`{"type":"object","properties":{"a":{"pattern":"` + strings.Repeat("a{1000}", 30) + `"}}}`, "come to 30031 instructions; at most 20000"},
		"large ones in capitals":         {`{"type":"object","Properties":{"a":{"PATTERN":"` + strings.Repeat("a{1000}", 30) + `"}}}`, "at most 20000"},
		"a large pattern of names":       {`{"type":"object","patternProperties":{"` + strings.Repeat("a{1000}", 30) + `":{}}}`, "at most 20000"},
		"many patterns":                  {`{"type":"object","allOf":[` + strings.TrimSuffix(strings.Repeat(`{"pattern":"a{1000}"},`, 30), ",") + `]}`, "at most 20000"},
		"no JSON":                        {`{`, "not a JSON Schema"},
		"a boolean":                      {`true`, "root type"},
		"no type":                        {`{}`, `want "object"`},
		"a list of types":                {`{"type":["object","null"]}`, `want "object"`},
		"another root type":              {`{"type":"array"}`, `root type is "array"`},
		"another draft":                  {`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object"}`, "draft-04"},
		"a reference to the net":         {`{"type":"object","properties":{"a":{"$ref":"https://example.com/s.json"}}}`, "want a reference inside the schema"},
		"a reference to a file":          {`{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}`, "want a reference inside the schema"},
		"a reference to nowhere":         {`{"type":"object","properties":{"a":{"$ref":"#/$defs/none"}}}`, "leads to no schema"},
		"a pattern that is broken":       {`{"type":"object","properties":{"a":{"pattern":"("}}}`, "the pattern of a: error parsing regexp"},
		"a property's pattern is broken": {`{"type":"object","patternProperties":{"(":{}}}`, "does not compile"},
		"a type that there is not":       {`{"type":"object","properties":{"a":{"items":{"type":"strng"}}}}`, `the type of a.items is "strng"; want array, boolean`},
		"one of the types there is not":  {`{"type":"object","properties":{"a":{"type":["string","nul"]}}}`, `the type of a is "nul"`},
		"properties that are a list":     {`{"type":"object","properties":["a"]}`, "properties of the root: want schemas by name"},
		"a schema that is itself":        {`{"type":"object","$ref":"#"}`, "refers to itself"},
		"one that is all of itself":      {`{"type":"object","allOf":[{"$ref":"#"}]}`, "refers to itself"},
		"a circle further down":          {`{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}}`, "refers to itself"},
		"a circle by anchor":             {`{"type":"object","$anchor":"x","if":{"$ref":"#x"}}`, "refers to itself"},
		"a wrong keyword value":          {`{"type":"object","required":"a"}`, "required of the root: is or holds a JSON string"},
		"a wrong keyword further down":   {`{"type":"object","properties":{"a":{"allOf":[{"maxLength":"x"}]}}}`, "maxLength of a.allOf: "},
		"a list where schemas are named": {`{"type":"object","properties":{"a":{"properties":{"b":[1]}}}}`, "properties of a: want schemas by name"},
		"one schema instead of a list":   {`{"type":"object","allOf":{"type":"object"}}`, "allOf of the root: want a list of schemas"},
		"a number instead of a schema":   {`{"type":"object","properties":{"a":{"not":7}}}`, "not of a: want a schema"},
		"a type in capitals":             {`{"Type":"object"}`, `want "object"`},
		"a type in both":                 {`{"type":"string","Type":"object"}`, `want "object"`},
		"a type that is given once more": {`{"type":"object","type":"object"}`, `has the name "type" twice`},
		"properties given twice":         {`{"type":"object","properties":{"a":{"enum":[{"x":1},{"x":2}]}},"properties":{}}`, `has the name "properties" twice`},
		"a name twice in a list":         {`{"type":"object","enum":[[{"a":"a","b":["a"],"a":1}]]}`, `has the name "a" twice`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewSchema(json.RawMessage(tc.schema))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestSchemasThatCompile(t *testing.T) {
	for name, schema := range map[string]string{
		"the smallest":                  `{"type":"object"}`,
		"one that names its draft":      `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}`,
		"one with definitions":          `{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}`,
		"a tree, which gets deeper":     `{"type":"object","properties":{"next":{"$ref":"#"},"not":{"$ref":"#/$defs/a"}},"$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}`,
		"one with unknown keywords":     `{"type":"object","x-y":"a","properties":{"a":{"type":"string","x-y":1}}}`,
		"one with a name of many kinds": `{"type":"object","properties":{"x-mcp-header":{"const":{"x-mcp-header":1}},"type":{"enum":[{"x-mcp-header":2}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewSchema(json.RawMessage(schema)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPathsThatDoNotCompile(t *testing.T) {
	for name, tc := range map[string]struct{ path, want string }{
		"nothing":               {"", "begins with /"},
		"a relative path":       {"a/{b}", "begins with /"},
		"an unclosed variable":  {"/{b", "want a URI template"},
		"a reserved expansion":  {"/{+b}", "{+b} is not allowed"},
		"a fragment expansion":  {"/{#b}", "{#b} is not allowed"},
		"a label expansion":     {"/{.b}", "{.b} is not allowed"},
		"a path expansion":      {"/a{/b}", "{/b} is not allowed"},
		"an exploded variable":  {"/{b*}", "{b*} is not allowed"},
		"a prefix":              {"/{b:3}", "{b:3} is not allowed"},
		"two variables in one":  {"/{a,b}", "{a,b} is not allowed"},
		"an empty variable":     {"/{}", "{} is not allowed"},
		"a query in the middle": {"/a{?b}/c", "{?b} is not allowed"},
		"a literal query":       {"/a?b=c", "want a URI template"},
		"a fragment":            {"/a#b", "want a URI template"},
		"an escape":             {"/%2e%2e", "want a URI template"},
		"a climb":               {"/a/../b", "no . or .. segment"},
		"a space":               {"/a b", "want a URI template"},
		"a line break":          {"/a\r\nHost: b", "want a URI template"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPath(tc.path)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestCheckSaysWhichToolAndWhy(t *testing.T) {
	tool := func(schema, path string) *config.RuntimeConfig {
		return &config.RuntimeConfig{Tools: []config.Tool{
			{InputSchema: json.RawMessage(`{"type":"object"}`)},
			{InputSchema: json.RawMessage(schema), HTTP: &config.HTTPTool{Path: path}},
		}}
	}
	for name, tc := range map[string]struct {
		config     *config.RuntimeConfig
		path, want string
	}{
		"a broken schema":             {tool(`{"type":"string"}`, "/"), "tools[1].inputSchema.type", "root type"},
		"a broken type in a list":     {tool(`{"type":"object","properties":{"a":{"anyOf":[{},{"type":"int"}]}}}`, "/"), "tools[1].inputSchema.properties.a.anyOf[1].type", `the type of a.anyOf is "int"`},
		"a count that is none":        {tool(`{"type":"object","$defs":{"a.b":{"minItems":"x"}}}`, "/"), "tools[1].inputSchema.$defs.a.b.minItems", "want a whole number"},
		"a reference to nothing":      {tool(`{"type":"object","properties":{"a":{"oneOf":[{"$ref":"#b"}]}}}`, "/"), "tools[1].inputSchema.properties.a.oneOf[0].$ref", "no such anchor"},
		"a schema that never ends":    {tool(`{"type":"object","allOf":[{"$ref":"#"}]}`, "/"), "tools[1].inputSchema.allOf[0].$ref", "refers to itself"},
		"a name twice":                {tool(`{"type":"object","title":"a","title":"b"}`, "/"), "tools[1].inputSchema", "twice in one object"},
		"a broken path":               {tool(`{"type":"object"}`, "x"), "tools[1].http.path", "begins with /"},
		"a variable of no property":   {tool(`{"type":"object"}`, "/{id}"), "tools[1].http.path", "{id} is not a required property"},
		"a variable that is optional": {tool(`{"type":"object","properties":{"id":{}}}`, "/{id}"), "tools[1].http.path", "{id} is not a required property"},
		"a query of no property":      {tool(`{"type":"object"}`, "/a{?q}"), "tools[1].http.path", "{?q} is not a property"},
	} {
		t.Run(name, func(t *testing.T) {
			var errs config.FieldErrors
			if err := Check(tc.config); !errors.As(err, &errs) || len(errs) != 1 {
				t.Fatalf("error %v, want one FieldError", err)
			}
			if errs[0].Path != tc.path || !strings.Contains(errs[0].Detail, tc.want) {
				t.Errorf("%v; want %s with %q", errs, tc.path, tc.want)
			}
		})
	}
}

// Whatever the argument, the path keeps its segments and decodes to the
// argument again.
func FuzzPathExpand(f *testing.F) {
	for _, seed := range []string{"INV-1", "a/b", "..", "%2e%2e", "ä b", "..;x", "\\..\\", "?x#y", "\x00", ""} {
		f.Add("/items/{id}/x", seed)
	}
	f.Add("/{id}", ".")
	f.Add("/a{id}b{?q}", "&=")
	f.Fuzz(func(t *testing.T, template, value string) {
		p, err := NewPath(template)
		if err != nil {
			return
		}
		args := map[string]any{}
		for _, name := range append(p.PathVars(), p.QueryVars()...) {
			args[name] = value
		}
		path, query, err := p.Expand(args)
		if err != nil {
			return
		}
		u, err := url.Parse("http://upstream" + path + "?" + query)
		if err != nil || u.Host != "upstream" || u.Fragment != "" || u.User != nil {
			t.Fatalf("%q with %q became %q?%q: %v", template, value, path, query, err)
		}
		beforeQuery, _, _ := strings.Cut(template, "{?")
		if got, want := strings.Count(path, "/"), strings.Count(beforeQuery, "/"); got != want {
			t.Fatalf("%q with %q became %q: %d segments, want %d", template, value, path, got, want)
		}
		for segment := range strings.SplitSeq(u.Path, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q with %q became %q", template, value, path)
			}
		}
		for _, name := range p.QueryVars() {
			if got := u.Query().Get(name); got != value {
				t.Fatalf("query %q: %s is %q, want %q", query, name, got, value)
			}
		}
	})
}

// Whoever writes a schema must not be able to keep the operator busy with it.
func TestADeepSchemaThatIsWrongIsRefusedSoon(t *testing.T) {
	const depth = 4500
	long := strings.Repeat("x", 2<<20)
	raw := `{"type":"object","properties":{"a":` + strings.Repeat(`{"not":`, depth) + `{"maxLength":"` + long + `"}` + strings.Repeat("}", depth) + "}}"
	var root any
	if err := json.Unmarshal([]byte(raw), &root); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- misshapen(json.RawMessage(raw), errors.New("unknown")) }()
	select {
	case err := <-done:
		if !strings.HasPrefix(err.Error(), "maxLength of a.not.not.") {
			t.Errorf("error %.80q", err)
		}
	case <-time.After(time.Minute):
		t.Error("no answer within a minute")
	}
}
