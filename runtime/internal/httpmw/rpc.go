package httpmw

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// RPCError is the error of a JSON-RPC answer.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// codeHeaderMismatch is for headers that do not repeat the body (MCP 2026-07-28).
const codeHeaderMismatch = -32020

// headerMismatch refuses a request whose headers do not repeat its body.
func headerMismatch(message string) Refusal {
	return Refusal{
		Status: http.StatusBadRequest, Reason: "header_mismatch", RPC: &RPCError{Code: codeHeaderMismatch, Message: message},
	}
}

func (e *RPCError) write(w io.Writer, id json.RawMessage) {
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": id, "error": e})
}

// messageID returns the id of the JSON-RPC request for its answer, null where it
// has none that can be echoed.
func messageID(ctx context.Context) json.RawMessage {
	null := json.RawMessage("null")
	m, _ := ctx.Value(messageKey{}).(*message)
	if m == nil {
		return null
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(m.body, &members) != nil || len(members["id"]) == 0 || bytes.ContainsAny(members["id"][:1], "{[") {
		return null
	}
	return members["id"]
}
