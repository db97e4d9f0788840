package httpmw

import (
	"io"
	"net/http"
	"time"
)

// BoundBody bounds the request body in bytes and in time: reading past either
// fails, and a connection that dribbles is closed. The time does not run for
// the answer, which http.Server.ReadTimeout would cut off too.
func BoundBody(maxBytes int64, timeout time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Body == nil || req.Body == http.NoBody {
				next.ServeHTTP(w, req)
				return
			}
			deadline := http.NewResponseController(w)
			// Not every writer has deadlines; the size bound holds regardless.
			_ = deadline.SetReadDeadline(time.Now().Add(timeout))
			req.Body = &timedBody{ReadCloser: http.MaxBytesReader(w, req.Body, maxBytes), controller: deadline}
			next.ServeHTTP(w, req)
		})
	}
}

// timedBody lifts the deadline once the body has been read.
type timedBody struct {
	io.ReadCloser

	controller *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.controller.SetReadDeadline(time.Time{})
	}
	return n, err
}
