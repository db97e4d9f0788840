package httpmw

import (
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
			r.Refuse(w, req, Refusal{
				Status: http.StatusBadRequest, Reason: "unsupported_version",
				RPC: &RPCError{
					Code: mcp.CodeUnsupportedProtocolVersion, Message: "unsupported protocol version",
					Data: mcp.UnsupportedProtocolVersionData{Supported: spoken, Requested: version},
				},
			})
		})
	}
}
