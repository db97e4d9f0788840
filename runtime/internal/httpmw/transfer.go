package httpmw

import (
	"io"
	"net/http"
	"time"
)

// writeChunk is how much of an answer has to be taken within the time for
// writing: a slow client gets a large answer, one that has stopped reading does
// not keep its request for ever.
const writeChunk = 64 << 10

// BoundTransfer bounds the time for a request's body to come and for each 64 KiB
// of the answer to be taken. It is for every request, the ones that are refused
// unread too: the server reads what is left of their bodies. The time does not
// run while a request is worked on, as it would with http.Server.ReadTimeout and
// WriteTimeout; between two requests, net/http lifts it.
func BoundTransfer(body, write time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			controller := http.NewResponseController(w)
			if req.Body != nil && req.Body != http.NoBody {
				// Not every writer has deadlines.
				_ = controller.SetReadDeadline(time.Now().Add(body))
				req.Body = &timedBody{ReadCloser: req.Body, controller: controller}
			}
			timed := &timedWriter{ResponseWriter: w, controller: controller, timeout: write, streams: req.ProtoMajor == 2}
			next.ServeHTTP(timed, req)
			if timed.streams && req.Context().Err() != nil {
				// The client has reset the stream. A deadline that was set after that is a timer
				// that nothing stops, and that holds what the stream was.
				_ = controller.SetReadDeadline(time.Time{})
				timed.lift()
				return
			}
			timed.limit() // what net/http has yet to send
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

// timedWriter sets the deadline anew for each chunk. HTTP/2 ends a stream whose deadline
// passes, whether or not it has something to send: there it is lifted while nothing is
// written.
type timedWriter struct {
	http.ResponseWriter

	controller *http.ResponseController
	timeout    time.Duration
	// streams tells that the answer is a stream of HTTP/2.
	streams bool
}

func (w *timedWriter) limit() { _ = w.controller.SetWriteDeadline(time.Now().Add(w.timeout)) }

func (w *timedWriter) lift() {
	if w.streams {
		_ = w.controller.SetWriteDeadline(time.Time{})
	}
}

func (w *timedWriter) Write(b []byte) (written int, err error) {
	defer w.lift()
	for {
		chunk := b[:min(len(b), writeChunk)]
		w.limit()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		if b = b[len(chunk):]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}

// FlushError makes http.ResponseController flush within the deadline.
func (w *timedWriter) FlushError() error {
	defer w.lift()
	w.limit()
	return w.controller.Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
