// Package proxy lets a client that cannot send a header talk to a server that
// wants it: it adds the header and changes nothing else.
package proxy

import (
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
	return &httputil.ReverseProxy{
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
	}
}
