package httpmw

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// CheckVersion answers a protocol version that is not spoken with the JSON-RPC
// error that says which are. The SDK does so for versions newer than its own and
// answers plain text for older ones. It comes after LimitDepth, which has read
// the body.
func CheckVersion(r *Responder) func(http.Handler) http.Handler {
	spoken := mcp.SupportedProtocolVersions()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			version := req.Header.Get("MCP-Protocol-Version")
			if version == "" || req.Method != http.MethodPost || slices.Contains(spoken, version) {
				next.ServeHTTP(w, req)
				return
			}
			r.answered(req.Context(), http.StatusBadRequest, "unsupported_version")
			answerVersion(w, requestID(req), version, spoken)
		})
	}
}

func answerVersion(w http.ResponseWriter, id json.RawMessage, requested string, spoken []string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"jsonrpc": "2.0", "id": id,
		"error": map[string]any{
			"code": mcp.CodeUnsupportedProtocolVersion, "message": "unsupported protocol version",
			"data": mcp.UnsupportedProtocolVersionData{Supported: spoken, Requested: requested},
		},
	})
}

// requestID returns the id of a JSON-RPC request for its answer, null where it
// has none that can be echoed.
func requestID(req *http.Request) json.RawMessage {
	null := json.RawMessage("null")
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return null
	}
	var message map[string]json.RawMessage
	if json.Unmarshal(body, &message) != nil || len(message["id"]) == 0 || bytes.ContainsAny(message["id"][:1], "{[") {
		return null
	}
	return message["id"]
}
