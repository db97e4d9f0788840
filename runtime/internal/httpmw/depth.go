package httpmw

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/securedmcp/operator/api/config/compile"
)

// MaxDepth is how deep JSON may be nested. Decoders recurse, and a body of
// brackets alone would exhaust a goroutine's stack, which ends the process.
const MaxDepth = 64

// LimitDepth refuses bodies that are nested too deep. It comes after the door:
// nothing of a stranger's body is read. What it reads, of at most maxBytes, it holds
// until the request is answered.
func LimitDepth(maxBytes int64, r *Responder) func(http.Handler) http.Handler {
	held := newBodies(maxBytes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Body == nil || req.Body == http.NoBody {
				next.ServeHTTP(w, req)
				return
			}
			body, done, err := held.read(req)
			if err != nil {
				r.Refuse(w, req, bodyRefusal(err))
				return
			}
			defer done()
			if compile.Depth(body) > MaxDepth {
				r.Refuse(w, req, Refusal{Status: http.StatusBadRequest, Error: "nested_too_deep", Reason: "nested_too_deep"})
				return
			}
			// The SDK reads the first value of a body and leaves the rest, so what
			// is counted here would not be what it runs. And it reads U+FFFD where the
			// text is no UTF-8, which others may read otherwise.
			if !json.Valid(body) || !utf8.Valid(body) {
				r.Refuse(w, req, Refusal{Status: http.StatusBadRequest, Error: "invalid_request", Reason: "malformed_json"})
				return
			}
			calls := batchSize(body)
			if calls > maxBatch {
				r.Refuse(w, req, Refusal{Status: http.StatusBadRequest, Error: "batch_too_large", Reason: "batch_too_large"})
				return
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
			m := &message{body: body, calls: calls, progress: calls == 1 && bytes.Contains(body, []byte(`"progressToken"`))}
			next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), messageKey{}, m)))
		})
	}
}

// maxBatch is how many messages a JSON-RPC batch (2025-03-26) may have: its calls
// run at once, and their answers are held until the last one is there.
const maxBatch = 8

// message is what is known of a body without decoding it.
type message struct {
	body     []byte
	calls    int
	progress bool
}

type messageKey struct{}

// calls is how many messages the request carries.
func calls(ctx context.Context) int {
	if m, _ := ctx.Value(messageKey{}).(*message); m != nil {
		return max(m.calls, 1)
	}
	return 1
}

// WantsProgress tells whether the request looks like one that asks to be told of
// progress. It may be wrong about odd ones, either way: the answer then comes as
// an event stream, which every client has to accept, or without progress.
func WantsProgress(ctx context.Context) bool {
	m, _ := ctx.Value(messageKey{}).(*message)
	return m != nil && m.progress
}

// HasLargeBody tells whether the request holds a share of the memory for bodies.
func HasLargeBody(ctx context.Context) bool {
	m, _ := ctx.Value(messageKey{}).(*message)
	return m != nil && len(m.body) >= smallBody
}

// batchSize counts the elements of an array; what is no array is one message.
func batchSize(body []byte) int {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '[' {
		return 1
	}
	var elements []json.RawMessage
	if json.Unmarshal(body, &elements) != nil {
		return maxBatch + 1 // what is not understood is not let in
	}
	return len(elements)
}
