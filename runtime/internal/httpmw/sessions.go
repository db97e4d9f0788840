package httpmw

import "net/http"

// IgnoreSessions removes the headers of sessions and of streams that resume.
// There are none here, and a server without them has to ignore the headers,
// where the SDK refuses one of them.
func IgnoreSessions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Header.Del("Mcp-Session-Id")
		req.Header.Del("Last-Event-Id")
		next.ServeHTTP(w, req)
	})
}
