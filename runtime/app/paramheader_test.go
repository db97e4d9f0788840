package app_test

import (
	"encoding/json"
	"net/http"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/runtimetest"
)

// startRegional starts a server with tools whose arguments are repeated in
// headers. The SDK cannot read the schemas of the last two.
func startRegional(t *testing.T) fixture {
	t.Helper()
	return startWith(t, func(c *config.RuntimeConfig) {
		for name, schema := range map[string]string{
			"regional": `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},"dry":{"type":"boolean","x-mcp-header":"Dry"},"page":{"type":"object","properties":{"size":{"type":"integer","x-mcp-header":"Page-Size"}}}}}`,
			"union":    `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"o":{"type":["string","null"]}}}`,
			"anything": `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"o":true}}`,
		} {
			c.Tools = append(c.Tools, config.Tool{
				Name: name, Upstream: "billing-api", HTTP: &config.HTTPTool{Method: http.MethodPost, Path: "/" + name}, InputSchema: json.RawMessage(schema),
			})
		}
	})
}

func TestArgumentsAndTheirHeadersHaveToAgree(t *testing.T) {
	f := startRegional(t)
	token := f.token("invoices:read")
	type args = map[string]any
	type headers = map[string][]string
	eu := args{"region": "eu"}
	for name, tc := range map[string]struct {
		args    args
		headers headers
		ok      bool
	}{
		"a string":                         {eu, headers{"Mcp-Param-Region": {"eu"}}, true},
		"a string in base64":               {args{"region": "Grüße"}, headers{"Mcp-Param-Region": {"=?base64?R3LDvMOfZQ==?="}}, true},
		"a string that looks like base64":  {args{"region": "=?base64?x?="}, headers{"Mcp-Param-Region": {"=?base64?PT9iYXNlNjQ/eD89?="}}, true},
		"an empty string":                  {args{"region": ""}, headers{"Mcp-Param-Region": {""}}, true},
		"an integer":                       {args{"n": 1000}, headers{"Mcp-Param-N": {"1000"}}, true},
		"an integer with a fraction":       {args{"n": 1000}, headers{"Mcp-Param-N": {"1000.0"}}, true},
		"an integer below zero":            {args{"n": -7}, headers{"Mcp-Param-N": {"-7"}}, true},
		"a boolean":                        {args{"dry": false}, headers{"Mcp-Param-Dry": {"false"}}, true},
		"an argument of an argument":       {args{"page": args{"size": 5}}, headers{"Mcp-Param-Page-Size": {"5"}}, true},
		"no argument and no header":        {args{}, nil, true},
		"null and no header":               {args{"region": nil}, nil, true},
		"a header of no argument":          {eu, headers{"Mcp-Param-Region": {"eu"}, "Mcp-Param-Other": {"x"}}, true},
		"another string":                   {eu, headers{"Mcp-Param-Region": {"us"}}, false},
		"no header":                        {eu, nil, false},
		"an empty header":                  {eu, headers{"Mcp-Param-Region": {""}}, false},
		"no argument and a header":         {args{}, headers{"Mcp-Param-Region": {"eu"}}, false},
		"no argument and an empty header":  {args{}, headers{"Mcp-Param-Region": {""}}, false},
		"null and a header":                {args{"region": nil}, headers{"Mcp-Param-Region": {"null"}}, false},
		"a string in letters of its own":   {args{"region": "Grüße"}, headers{"Mcp-Param-Region": {"Grüße"}}, false},
		"base64 with stray bits":           {eu, headers{"Mcp-Param-Region": {"=?base64?ZXV=?="}}, false},
		"an integer in hexadecimal":        {args{"n": 1000}, headers{"Mcp-Param-N": {"0x1F4p1"}}, false},
		"an integer with an exponent":      {args{"n": 1000}, headers{"Mcp-Param-N": {"1e3"}}, false},
		"an integer with a plus":           {args{"n": 1000}, headers{"Mcp-Param-N": {"+1000"}}, false},
		"an integer with underscores":      {args{"n": 1000}, headers{"Mcp-Param-N": {"1_000"}}, false},
		"an integer that is too large":     {args{"n": 1 << 53}, headers{"Mcp-Param-N": {"9007199254740992"}}, false},
		"a boolean in capitals":            {args{"dry": true}, headers{"Mcp-Param-Dry": {"True"}}, false},
		"two headers, the first one right": {eu, headers{"Mcp-Param-Region": {"eu", "us"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			call := runtimetest.Call(token, "regional", tc.args)
			call.Header = tc.headers
			before := len(f.api.Requests())
			resp := f.Do(call)
			if called := len(f.api.Requests()) > before; called && !tc.ok {
				t.Error("the upstream was called")
			}
			switch {
			case tc.ok && (resp.Status != http.StatusOK || resp.ErrorCode() != 0):
				t.Errorf("status %d, want 200: %s", resp.Status, resp.Body)
			case !tc.ok && (resp.Status != http.StatusBadRequest || resp.ErrorCode() != -32020 || resp.JSON()["id"] != 1.0):
				t.Errorf("status %d, want 400 with code -32020 and the id: %s", resp.Status, resp.Body)
			}
		})
	}
}

// One property that the SDK cannot read must not turn the check of the others off.
func TestHeadersAreCheckedWhateverElseTheSchemaHas(t *testing.T) {
	f := startRegional(t)
	token := f.token("invoices:read")
	for _, tool := range []string{"regional", "union", "anything"} {
		for header, want := range map[string]int{"eu": http.StatusOK, "us": http.StatusBadRequest} {
			call := runtimetest.Call(token, tool, map[string]any{"region": "eu"})
			call.Header = map[string][]string{"Mcp-Param-Region": {header}}
			if resp := f.Do(call); resp.Status != want {
				t.Errorf("%s with Mcp-Param-Region %s: status %d, want %d: %s", tool, header, resp.Status, want, resp.Body)
			}
		}
		if resp := f.Do(runtimetest.Call(token, tool, map[string]any{"region": "eu"})); resp.Status != http.StatusBadRequest || resp.ErrorCode() != -32020 {
			t.Errorf("%s without Mcp-Param-Region: status %d, want 400: %s", tool, resp.Status, resp.Body)
		}
		older := runtimetest.Call(token, tool, map[string]any{"region": "eu"})
		older.Version = "2025-11-25"
		if resp := f.Do(older); resp.Status != http.StatusOK {
			t.Errorf("%s for an older client: status %d, want 200: %s", tool, resp.Status, resp.Body)
		}
	}
	refused := 0
	for _, line := range decisions(t, f.Runtime) {
		if line["decision"] == "denied" && line["reason"] == "header_mismatch" && line["tool"] == "union" {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d audit lines of refused calls of union, want 2", refused)
	}
}

func TestAHeaderThatRepeatsTheBodyComesOnce(t *testing.T) {
	f := start(t)
	token := f.token("invoices:read")
	for name, header := range map[string]map[string][]string{
		"two names":                {"Mcp-Name": {"lookup_invoice", "void_invoice"}},
		"two names that agree":     {"Mcp-Name": {"lookup_invoice", "lookup_invoice"}},
		"two names, one in base64": {"Mcp-Name": {"=?base64?bG9va3VwX2ludm9pY2U=?=", "void_invoice"}},
		"two methods":              {"Mcp-Method": {"tools/call", "tools/list"}},
		"two versions":             {"Mcp-Protocol-Version": {runtimetest.Modern, "2025-06-18"}},
		"two parameters":           {"Mcp-Param-Region": {"eu", "us"}},
	} {
		t.Run(name, func(t *testing.T) {
			call := runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "1"})
			call.Header = header
			if resp := f.Do(call); resp.Status != http.StatusBadRequest || resp.ErrorCode() != -32020 || resp.JSON()["id"] != 1.0 {
				t.Errorf("status %d, want 400 with code -32020 and the id: %s", resp.Status, resp.Body)
			}
		})
	}
	if n := len(f.api.Requests()); n != 0 {
		t.Errorf("the upstream was called %d times", n)
	}
}
