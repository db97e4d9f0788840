package httpmw

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// decoded is the Mcp-Name that comes after DecodeNames, of one that is sent.
func decoded(name string) string {
	req := httptest.NewRequest(http.MethodPost, "/", nil)
	req.Header["Mcp-Name"] = []string{name}
	var got string
	DecodeNames(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { got = req.Header.Get("Mcp-Name") })).ServeHTTP(httptest.NewRecorder(), req)
	return got
}

func encodedName(name string) string {
	return encodedPrefix + base64.StdEncoding.EncodeToString([]byte(name)) + encodedSuffix
}

func TestNamesThatAreDecodedAndNamesThatStay(t *testing.T) {
	for sent, want := range map[string]string{
		"":                          "",
		"lookup_invoice":            "lookup_invoice",
		"=?base64?bG9va3Vw?=":       "lookup",
		"=?base64?R3LDvMOfZQ==?=":   "Grüße",
		"=?base64??=":               "",
		"=?base64?=":                "=?base64?=",              // prefix and suffix share their sign
		"=?BASE64?bG9va3Vw?=":       "=?BASE64?bG9va3Vw?=",     // the marker has one spelling
		"=?base64?bG9va3Vw":         "=?base64?bG9va3Vw",       // no end
		"=?base64?R3LDvMOfZQ?=":     "=?base64?R3LDvMOfZQ?=",   // no padding
		"=?base64?bG9va3V3=?=":      "=?base64?bG9va3V3=?=",    // padding too much
		"=?base64?_-8=?=":           "=?base64?_-8=?=",         // the other alphabet
		"=?base64?/+8=?=":           "=?base64?/+8=?=",         // no UTF-8
		"=?base64?bG9va3VwZB==?=":   "=?base64?bG9va3VwZB==?=", // stray bits
		encodedName("=?base64?x?="): "=?base64?x?=",            // once, and no further
	} {
		if got := decoded(sent); got != want {
			t.Errorf("%q became %q, want %q", sent, got, want)
		}
	}
}

// Every name has one encoded spelling, which says it and nothing else; what is
// no such spelling stays as it was sent.
func FuzzDecodeNames(f *testing.F) {
	for _, seed := range []string{
		"", "lookup_invoice", "Grüße", "=?base64?bG9va3Vw?=", "=?base64??=", "=?base64?=", "=?base64?/+8=?=",
		"=?base64?bG9va3VwZB==?=", "=?base64?=?base64?eA==?=?=", "\x00", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.ContainsAny(name, "\r\n") {
			t.Skip("no header has line breaks, which base64 would skip")
		}
		if utf8.ValidString(name) && decoded(encodedName(name)) != name {
			t.Fatalf("%q became %q", encodedName(name), decoded(encodedName(name)))
		}
		got := decoded(name)
		if got == name {
			return
		}
		if !utf8.ValidString(got) || encodedName(got) != name {
			t.Fatalf("%q became %q, whose spelling is %q", name, got, encodedName(got))
		}
		if !strings.HasPrefix(name, encodedPrefix) {
			t.Fatalf("%q was decoded to %q", name, got)
		}
	})
}
