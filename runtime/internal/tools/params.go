package tools

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/api/config/compile"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
)

// firstStateless is the first protocol revision without sessions. It brought
// arguments that are repeated in headers, and subscriptions/listen.
const firstStateless = "2026-07-28"

// version is the protocol revision of a request, "" where none is named.
func version(extra *mcp.RequestExtra) string {
	if extra == nil {
		return ""
	}
	return extra.Header.Get("MCP-Protocol-Version")
}

// paramHeaders are the Mcp-Param headers of a tool. The SDK checks them too, in
// the schemas that it can read, and is content with spellings that those who
// decide by the header might read otherwise.
type paramHeaders []compile.ParamHeader

// mismatch returns the name of a header that does not repeat its argument, ""
// for none.
func (p paramHeaders) mismatch(req *mcp.CallToolRequest) string {
	if len(p) == 0 || version(req.Extra) < firstStateless {
		return ""
	}
	var args map[string]json.RawMessage
	if json.Unmarshal(req.Params.Arguments, &args) != nil {
		args = nil // no object: it has none of the arguments
	}
	for _, h := range p {
		if !repeats(req.Extra.Header, h, at(args, h.Path)) {
			return "Mcp-Param-" + h.Name
		}
	}
	return ""
}

// at returns the argument at the path, nil where there is none or null.
func at(args map[string]json.RawMessage, path []string) json.RawMessage {
	value := args[path[0]]
	for _, name := range path[1:] {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return nil
		}
		value = object[name]
	}
	if string(value) == "null" {
		return nil
	}
	return value
}

// repeats tells whether the header says what the argument is, and is not there
// where there is no argument.
func repeats(header http.Header, h compile.ParamHeader, argument json.RawMessage) bool {
	sent := header.Values("Mcp-Param-" + h.Name)
	if argument == nil {
		return len(sent) == 0
	}
	if len(sent) != 1 {
		return false
	}
	said, ok := httpmw.DecodeValue(sent[0])
	if !ok {
		return false
	}
	switch h.Type {
	case "integer":
		return sameInteger(said, argument)
	case "boolean":
		return said == string(argument) && (said == "true" || said == "false")
	}
	var text string
	return json.Unmarshal(argument, &text) == nil && said == text
}

// decimal is an integer in a header. 42.0 and 42 are equal; other spellings, which
// not every reader understands alike, are refused.
var decimal = regexp.MustCompile(`^(-?(?:0|[1-9][0-9]{0,15}))(?:\.0+)?$`)

// maxInteger is the largest integer that JavaScript keeps apart from the next.
const maxInteger = 1<<53 - 1

func sameInteger(said string, argument json.RawMessage) bool {
	match := decimal.FindStringSubmatch(said)
	if match == nil {
		return false
	}
	n, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger {
		return false
	}
	var value float64
	return json.Unmarshal(argument, &value) == nil && value == float64(n)
}
