package httpmw

import (
	"errors"
	"io"
	"net/http"

	"github.com/securedmcp/operator/runtime/internal/admission"
	"github.com/securedmcp/operator/runtime/internal/authn"
)

// smallBody is what a body may have without a share of the memory for bodies: most
// have less, and limits.concurrentRequests bounds how many there are.
const smallBody = 16 << 10

// BoundBody bounds the request body in bytes: reading past them fails.
func BoundBody(maxBytes int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Body != nil && req.Body != http.NoBody {
				req.Body = http.MaxBytesReader(server(w), req.Body, maxBytes)
			}
			next.ServeHTTP(w, req)
		})
	}
}

// server returns the writer of net/http itself, which closes the connection of a
// body that is too large.
func server(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}

// bodies hold the bodies of requests in memory that callers share: as many of the
// largest as there may be requests are more than a pod has, and one caller can hold
// all of them by sending all but the last byte.
type bodies struct {
	memory *admission.Bytes
	most   int64
}

func newBodies(most int64) *bodies { return &bodies{admission.NewBytes(most), most} }

// read returns the whole body, and how to give its memory back.
func (b *bodies) read(req *http.Request) (body []byte, done func(), err error) {
	caller, held := authn.FromContext(req.Context()).Identity(), int64(0)
	done = func() {
		if held > 0 {
			b.memory.Give(caller, held)
		}
	}
	body = make([]byte, 0, b.first(req.ContentLength))
	for {
		n, err := req.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, done, nil
		case err != nil:
			done()
			return nil, nil, err
		case len(body) < cap(body):
			continue
		}
		more := min(int64(cap(body)), max(b.most+1-int64(cap(body)), 1))
		if err := b.memory.Take(caller, more); err != nil {
			done()
			return nil, nil, err
		}
		held += more
		body = append(make([]byte, 0, int64(cap(body))+more), body...)
	}
}

// first is the room to begin with: one byte more than a small body is said to have,
// which is where it ends.
func (b *bodies) first(length int64) int64 {
	if length >= 0 && length < smallBody {
		return length + 1
	}
	return min(smallBody, b.most+1)
}

func bodyRefusal(err error) Refusal {
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return Refusal{Status: http.StatusRequestEntityTooLarge, Error: "request_too_large", Reason: "request_too_large"}
	case errors.Is(err, admission.ErrShare):
		return tooMany
	case errors.Is(err, admission.ErrFull):
		return overloaded
	}
	return Refusal{Status: http.StatusBadRequest, Error: "invalid_request", Reason: "body_not_read"}
}
