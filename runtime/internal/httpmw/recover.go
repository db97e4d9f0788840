package httpmw

import (
	"log/slog"
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/crash"
)

// Recover turns a panic of one request into a 500 and keeps the others going. An
// answer that has begun is cut off, so that nobody takes a part for the whole.
func Recover(logger *slog.Logger, r *Responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ctx, answer := req.Context(), &beginning{ResponseWriter: w}
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
					panic(p)
				}
				logger.With("requestID", RequestID(ctx)).ErrorContext(ctx, "request panicked", crash.Attrs(p)...)
				if answer.begun {
					r.answered(ctx, http.StatusInternalServerError, "internal")
					panic(http.ErrAbortHandler)
				}
				r.Refuse(w, req, Refusal{Status: http.StatusInternalServerError, Error: "server_error", Reason: "internal"})
			}()
			next.ServeHTTP(answer, req)
		})
	}
}

// beginning notes whether the answer has begun.
type beginning struct {
	http.ResponseWriter
	begun bool
}

func (b *beginning) WriteHeader(status int) {
	b.begun = true
	b.ResponseWriter.WriteHeader(status)
}

func (b *beginning) Write(p []byte) (int, error) {
	b.begun = true
	return b.ResponseWriter.Write(p)
}

// FlushError makes http.ResponseController flush through begun.
func (b *beginning) FlushError() error {
	b.begun = true
	return http.NewResponseController(b.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }
