package app_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// startTool starts a server with one tool, named t, in front of api.
func startTool(t *testing.T, api *runtimetest.API, schema string, h config.HTTPTool) (*runtimetest.Runtime, string) {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), api.URL+"/base/")
	c.Tools = []config.Tool{{Name: "t", InputSchema: json.RawMessage(schema), Upstream: "billing-api", HTTP: &h}}
	return runtimetest.Start(t, c), issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
}

const anySchema = `{"type":"object","properties":{"id":{},"q":{},"list":{"type":"array"}},"required":["id"]}`

func TestArgumentsInThePathStayInTheirSegment(t *testing.T) {
	api := runtimetest.NewAPI(t, nil)
	r, token := startTool(t, api, anySchema, config.HTTPTool{Method: "DELETE", Path: "/items/{id}/x"})
	for name, tc := range map[string]struct {
		id  any
		uri string // "" when the call must not reach the upstream
	}{
		"a plain value":            {"INV-1", "/base/items/INV-1/x"},
		"a number":                 {json.Number("12345678901234567890"), "/base/items/12345678901234567890/x"},
		"a boolean":                {true, "/base/items/true/x"},
		"a slash":                  {"a/b", ""},
		"a question mark":          {"a?b=c", ""},
		"a fragment":               {"a#b", ""},
		"spaces and umlauts":       {"ä b", "/base/items/%C3%A4%20b/x"},
		"dots that are no segment": {"a..b", "/base/items/a..b/x"},
		"a line break":             {"a\r\nHost: evil", ""},
		"one dot":                  {".", ""},
		"two dots":                 {"..", ""},
		"a climb":                  {"../../admin", ""},
		"a climb with backslashes": {`..\admin`, ""},
		"a climb in the middle":    {"a/../b", ""},
		"a climb with a parameter": {"..;a", ""},
		"an encoded climb":         {"%2e%2e", ""},
		"nothing":                  {"", ""},
		"null":                     {nil, ""},
		"a list":                   {[]string{"a"}, ""},
		"an object":                {map[string]any{"a": 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(api.Requests())
			resp := r.Do(runtimetest.Call(token, "t", map[string]any{"id": tc.id}))
			_, isError := resp.Text()
			switch reached := len(api.Requests()) > before; {
			case tc.uri == "" && (reached || !isError):
				t.Errorf("reached the upstream: %v, answer %s", reached, resp.Body)
			case tc.uri != "" && (!reached || api.Last(t).URI != tc.uri):
				t.Errorf("want %s, answer %s", tc.uri, resp.Body)
			}
		})
	}
}

func TestArgumentsBesideThePath(t *testing.T) {
	args := map[string]any{"id": "1", "q": "a&b=c", "list": []any{"x y", 2, true}}
	for method, want := range map[string]struct{ uri, body string }{
		"GET":    {"/base/i/1?list=x+y&list=2&list=true&q=a%26b%3Dc", ""},
		"DELETE": {"/base/i/1?list=x+y&list=2&list=true&q=a%26b%3Dc", ""},
		"POST":   {"/base/i/1", `{"list":["x y",2,true],"q":"a\u0026b=c"}`},
		"PUT":    {"/base/i/1", `{"list":["x y",2,true],"q":"a\u0026b=c"}`},
		"PATCH":  {"/base/i/1", `{"list":["x y",2,true],"q":"a\u0026b=c"}`},
	} {
		t.Run(method, func(t *testing.T) {
			api := runtimetest.NewAPI(t, nil)
			r, token := startTool(t, api, anySchema, config.HTTPTool{Method: method, Path: "/i/{id}"})
			r.Do(runtimetest.Call(token, "t", args))
			if got := api.Last(t); got.Method != method || got.URI != want.uri || got.Body != want.body {
				t.Errorf("the upstream got %s %s %s", got.Method, got.URI, got.Body)
			}
		})
	}
	t.Run("a query in the template", func(t *testing.T) {
		api := runtimetest.NewAPI(t, nil)
		r, token := startTool(t, api, anySchema, config.HTTPTool{Method: "POST", Path: "/i/{id}{?q}"})
		r.Do(runtimetest.Call(token, "t", map[string]any{"id": "1", "q": "a&b"}))
		if got := api.Last(t); got.URI != "/base/i/1?q=a%26b" || got.Body != `{}` {
			t.Errorf("the upstream got %s %s", got.URI, got.Body)
		}
	})
	t.Run("an object does not fit a query", func(t *testing.T) {
		api := runtimetest.NewAPI(t, nil)
		r, token := startTool(t, api, anySchema, config.HTTPTool{Method: "GET", Path: "/i/{id}"})
		if text, isError := r.Do(runtimetest.Call(token, "t", map[string]any{"id": "1", "q": map[string]any{}})).Text(); !isError || len(api.Requests()) != 0 {
			t.Errorf("answer %q, %d requests", text, len(api.Requests()))
		}
	})
}

func TestArgumentsAreValidated(t *testing.T) {
	api := runtimetest.NewAPI(t, nil)
	schema := `{"type":"object","additionalProperties":false,"required":["id"],"properties":{"id":{"type":"string","pattern":"^[A-Z]+$"},"n":{"type":"integer","maximum":10}}}`
	r, token := startTool(t, api, schema, config.HTTPTool{Method: "GET", Path: "/i/{id}"})
	for name, args := range map[string]string{
		"a missing argument":      `{}`,
		"an argument too many":    `{"id":"A","x":1}`,
		"a wrong type":            `{"id":1}`,
		"a pattern that fails":    `{"id":"a"}`,
		"a number over its bound": `{"id":"A","n":11}`,
		"a fraction":              `{"id":"A","n":1.5}`,
		"a number out of range":   `{"id":"A","n":1e999999}`,
		"a list in place of all":  `["A"]`,
		"a name in another case":  `{"ID":"A"}`,
	} {
		t.Run(name, func(t *testing.T) {
			resp := r.Do(runtimetest.Request{
				Token: token, Version: "2025-11-25",
				Body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":` + args + `}}`,
			})
			if text, isError := resp.Text(); !isError && resp.ErrorCode() == 0 || len(api.Requests()) != 0 {
				t.Errorf("text %q, %d requests, answer %s", text, len(api.Requests()), resp.Body)
			}
		})
	}
}

func TestAnswersOfUpstreams(t *testing.T) {
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tc := range map[string]struct {
		answer  http.HandlerFunc
		text    string
		isError bool
	}{
		"JSON":                     {answer(200, "application/json; charset=utf-8", `{"total":7}`), `{"total":7}`, false},
		"text":                     {answer(200, "text/plain", "seven"), "seven", false},
		"nothing":                  {answer(204, "", ""), "", false},
		"text that is not UTF-8":   {answer(200, "text/plain", "a\xffb"), "a\uFFFDb", false},
		"a picture":                {answer(200, "image/png", "\x89PNG"), "the upstream answered with a content type that is neither JSON nor text", true},
		"a client error":           {answer(404, "application/json", `{"error":"no such invoice"}`), `the upstream answered with status 404: {"error":"no such invoice"}`, true},
		"an error with no text":    {answer(404, "image/png", "\x89PNG"), `the upstream answered with status 404`, true},
		"a server error":           {answer(500, "text/plain", "stack trace: db password"), "the upstream answered with status 500", true},
		"a redirect":               {answer(302, "text/plain", ""), "the upstream answered with a redirect, which is not followed", true},
		"another protocol":         {answer(101, "text/plain", "x"), "the upstream answered with a status that is none of a whole answer", true},
		"a status that is none":    {answer(999, "text/plain", "x"), "the upstream answered with a status that is none of a whole answer", true},
		"too much":                 {answer(200, "text/plain", strings.Repeat("a", 4<<20+1)), "the upstream's answer is larger than is allowed", true},
		"a connection that breaks": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the upstream could not be reached", true},
	} {
		t.Run(name, func(t *testing.T) {
			r, token := startTool(t, runtimetest.NewAPI(t, tc.answer), anySchema, config.HTTPTool{Method: "GET", Path: "/i/{id}"})
			resp := r.Do(runtimetest.Call(token, "t", map[string]any{"id": "1"}))
			if text, isError := resp.Text(); text != tc.text || isError != tc.isError {
				t.Errorf("text %.100q, error %v; want %.100q, %v", text, isError, tc.text, tc.isError)
			}
		})
	}
}

func TestJSONObjectsAreStructuredContent(t *testing.T) {
	f := start(t)
	resp := f.Do(runtimetest.Call(f.token("invoices:read"), "lookup_invoice", map[string]any{"invoiceId": "1"}))
	result, _ := resp.JSON()["result"].(map[string]any)
	structured, _ := result["structuredContent"].(map[string]any)
	if structured["uri"] != "/invoices/1" {
		t.Errorf("structuredContent %v", result["structuredContent"])
	}
}

// What the upstream gets wrong must not become the answer's own mistake.
func TestWhatIsStructuredContentIsJSONThatClientsCanRead(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want any
	}{
		"text that is not UTF-8":     {"{\"a\":\"x\xff\"}", map[string]any{"a": "x\uFFFD"}},
		"objects as deep as allowed": {strings.Repeat(`{"a":`, 63) + `{}` + strings.Repeat("}", 63), "any"},
		"objects that are too deep":  {strings.Repeat(`{"a":`, 64) + `{}` + strings.Repeat("}", 64), nil},
		"a name that comes twice":    {`{"o":{"a":1,"\u0061":2}}`, nil},
		"a list":                     {`[1]`, nil},
		"no JSON":                    {`{"a":`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(tc.body))
			})
			r, token := startTool(t, api, anySchema, config.HTTPTool{Method: "GET", Path: "/i/{id}"})
			resp := r.Do(runtimetest.Call(token, "t", map[string]any{"id": "1"}))
			if !utf8.Valid(resp.Body) {
				t.Errorf("the answer is not UTF-8: %q", resp.Body)
			}
			result, _ := resp.JSON()["result"].(map[string]any)
			got := result["structuredContent"]
			if tc.want == "any" && got != nil {
				return
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("structuredContent %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAnUpstreamThatDoesNotAnswerInTime(t *testing.T) {
	release := make(chan struct{})
	api := runtimetest.NewAPI(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), api.URL)
	c.Upstreams[0].TimeoutSeconds = 1
	r := runtimetest.Start(t, c)
	resp := r.Do(runtimetest.Call(issuer.Token(oauthtest.Claims{"scope": "invoices:read"}), "lookup_invoice", map[string]any{"invoiceId": "1"}))
	if text, isError := resp.Text(); text != "the upstream did not answer in time" || !isError {
		t.Errorf("text %q, error %v", text, isError)
	}
}
