// Package proxy lets a client that cannot send a header talk to a server that
// wants it: it adds the header and changes nothing else.
package proxy

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// New returns a reverse proxy to target that adds the fields of header where a
// request has none of that name. Host, Origin and all others stay as the client
// sent them, so that what the server thinks of them can be tested through it.
// Answers are passed on as they come, event streams included.
func New(target *url.URL, header http.Header, logger *slog.Logger) http.Handler {
	return wholeBody(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			for name, values := range header {
				if len(r.Out.Header.Values(name)) == 0 {
					r.Out.Header[http.CanonicalHeaderKey(name)] = values
				}
			}
		},
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	})
}

// wholeBody reads a request before it is passed on. The first byte of an answer has
// net/http close the body of the request, and a transport that is about to find out
// that the body has no more then parts with its connection, and with what is left of
// the answer.
func wholeBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Body != http.NoBody {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				http.Error(w, "the request cannot be read", http.StatusBadRequest)
				return
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, req)
	})
}
