package httpmw

import "net/http"

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
