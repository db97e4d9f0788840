package httpmw

import (
	"cmp"
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

// Denials turns a decision that the MCP layer took about the request into an
// HTTP status with a challenge. It works because nothing is written before the
// decision: the first byte of an answer, JSON or event stream, comes after it.
func Denials(r *Responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			outcome := new(policy.Outcome)
			dw := &denialWriter{ResponseWriter: w, request: req, responder: r, outcome: outcome}
			next.ServeHTTP(dw, req.WithContext(policy.WithOutcome(req.Context(), outcome)))
			dw.begin() // a handler that wrote nothing
			dw.end()   //nolint:contextcheck // the writer has the request
		})
	}
}

// denialWriter holds the answer back until its first byte and, if the request
// was denied by then, writes the refusal in its place.
type denialWriter struct {
	http.ResponseWriter

	request   *http.Request
	responder *Responder
	outcome   *policy.Outcome
	begun     bool
	refused   bool
	partly    bool // a batch of which some calls were denied
	status    int
}

// begin tells whether the handler's answer may be written.
func (w *denialWriter) begin() bool {
	if w.begun {
		return !w.refused
	}
	w.begun = true
	if d := w.outcome.Denial(); d != nil {
		w.refused = true
		w.responder.refuseAudited(w.ResponseWriter, w.request, denialRefusal(d))
		return false
	}
	if w.Header().Get("Content-Type") == "text/event-stream" {
		// Proxies would collect the events otherwise.
		w.Header().Set("X-Accel-Buffering", "no")
	}
	return true
}

// beginBatch lets the answer to a JSON-RPC batch (2025-03-26) through. Its other
// calls have run: a 403 for all would make the client run them again. The denied
// ones have an error of their own inside. A batch of nothing but denied calls is
// refused as one call is.
func (w *denialWriter) beginBatch() {
	d := w.outcome.Denial()
	if d != nil && w.outcome.Denials() == calls(w.request.Context()) {
		return
	}
	w.begun = true
	if d != nil {
		w.partly = true
		w.responder.setChallenges(w.request.Context(), w.Header(), denialRefusal(d))
	}
}

// end counts what was answered, and writes the audit line of a request that has
// none: every call of a tool has its own.
func (w *denialWriter) end() {
	if w.refused {
		return
	}
	w.responder.answered(w.request.Context(), cmp.Or(w.status, http.StatusOK), w.result())
	if method, ok := w.outcome.Unaudited(); ok {
		w.responder.record(w.request, audit.Event{Decision: audit.Allowed, Reason: w.result(), Method: method})
	}
}

func (w *denialWriter) WriteHeader(status int) {
	if w.begin() {
		w.status = status
		w.ResponseWriter.WriteHeader(status)
	}
}

// result is the outcome label of a request that was let through.
func (w *denialWriter) result() string {
	failure := w.outcome.Failure()
	switch {
	case w.status >= http.StatusInternalServerError || failure == policy.FailureOfServer:
		return "server_error"
	case w.partly:
		return "partly_denied"
	case w.status >= http.StatusBadRequest || failure == policy.FailureOfCaller:
		return "client_error"
	}
	return "ok"
}

func (w *denialWriter) Write(b []byte) (int, error) {
	if !w.begun && len(b) > 0 && b[0] == '[' {
		w.beginBatch()
	}
	if !w.begin() {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// FlushError makes http.ResponseController flush through begin.
func (w *denialWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *denialWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
