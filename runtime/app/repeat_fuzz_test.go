package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
)

// says is what a header means to whoever decides by it, written without a look at
// the code under test: one of the two ways that MCP 2026-07-28 has, or nothing.
func says(value string) (string, bool) {
	if inner, ok := strings.CutPrefix(value, "=?base64?"); ok && len(value) > len("=?base64?=") && strings.HasSuffix(value, "?=") {
		inner = strings.TrimSuffix(inner, "?=")
		raw, err := base64.StdEncoding.DecodeString(inner)
		return string(raw), err == nil && base64.StdEncoding.EncodeToString(raw) == inner && utf8.Valid(raw)
	}
	for _, b := range []byte(value) {
		if b != '\t' && (b < 0x20 || b > 0x7e) {
			return "", false
		}
	}
	return value, true
}

func inBase64(s string) string {
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

// repeated are headers that repeat the body of a call of tool regional.
type repeated struct{ method, name, region, n, dry string }

// truthful tells whether each says what the body has.
func (h repeated) truthful(region string, n int32, dry bool) bool {
	name, ok1 := says(h.name)
	said, ok2 := says(h.region)
	count, ok3 := new(big.Rat).SetString(h.n)
	return h.method == "tools/call" && ok1 && name == "regional" && ok2 && said == region &&
		ok3 && count.Cmp(new(big.Rat).SetInt64(int64(n))) == 0 && h.dry == strconv.FormatBool(dry)
}

// newRegional returns a handler whose tool regional notes that it ran.
func newRegional(t testing.TB) (call func(h repeated, region string, n int32, dry bool) (ran bool, answer string)) {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(diffResource))
	var ran bool
	c := &config.RuntimeConfig{
		Name: "billing/tools", Resource: diffResource, Issuer: issuer.Issuer(), Audience: diffResource,
		Tools: []config.Tool{{Name: "regional", Upstream: config.UpstreamBuiltin, InputSchema: json.RawMessage(`{"type":"object","properties":{
			"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},"dry":{"type":"boolean","x-mcp-header":"Dry"}}}`)}},
	}
	tool := func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ran = true
		return &mcp.CallToolResult{}, nil
	}
	handler := loadInProcess(t, c, Options{Builtins: map[string]mcp.ToolHandler{"regional": tool}, Logger: slog.New(slog.DiscardHandler)})
	token := issuer.Token(nil)
	return func(h repeated, region string, n int32, dry bool) (bool, string) {
		args, err := json.Marshal(map[string]any{"region": region, "n": n, "dry": dry})
		if err != nil {
			t.Fatal(err)
		}
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"regional","arguments":` + string(args) + `,` + metaOfModern + `}}`
		req := message{body: body, version: modernVersion}.request(token)
		for name, value := range map[string]string{"Mcp-Method": h.method, "Mcp-Name": h.name, "Mcp-Param-Region": h.region, "Mcp-Param-N": h.n, "Mcp-Param-Dry": h.dry} {
			req.Header[name] = []string{value}
		}
		ran = false
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		return ran && w.Code == http.StatusOK, w.Body.String()
	}
}

// A call runs only if every header says what its body has; and if each does so in
// the way that always works, it runs.
func FuzzACallRunsIfItsHeadersRepeatIt(f *testing.F) {
	f.Add("tools/call", "regional", "eu", "7", "true", "eu", int32(7), true)
	f.Add("tools/list", "regional", "eu", "7", "true", "eu", int32(7), true)
	f.Add("=?base64?dG9vbHMvY2FsbA==?=", "=?base64?cmVnaW9uYWw=?=", "=?base64?R3LDvMOfZQ==?=", "7.0", "false", "Grüße", int32(7), false)
	f.Add("tools/call", "regional ", "Grüße", "0x7", "True", "Grüße", int32(7), true)
	f.Add("TOOLS/CALL", "", "", "-0", "", "", int32(0), false)
	f.Add("tools/call", "=?base64?cmVnaW9uYWx=?=", "=?base64??=", "1e3", "1", "=?base64?x?=", int32(1000), true)
	call := newRegional(f)
	f.Fuzz(func(t *testing.T, method, name, regionSaid, nSaid, drySaid, region string, n int32, dry bool) {
		region = strings.ToValidUTF8(region, "\uFFFD") // JSON has no other text
		h := repeated{method, name, regionSaid, nSaid, drySaid}
		if ran, _ := call(h, region, n, dry); ran && !h.truthful(region, n, dry) {
			t.Fatalf("%q ran with %q", []any{region, n, dry}, h)
		}
		always := repeated{"tools/call", inBase64("regional"), inBase64(region), strconv.Itoa(int(n)), strconv.FormatBool(dry)}
		if ran, answer := call(always, region, n, dry); !ran {
			t.Fatalf("%q did not run with %q: %s", []any{region, n, dry}, always, answer)
		}
	})
}
