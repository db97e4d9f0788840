package httpmw

import (
	"net/http"
	"net/url"
	"strings"
)

// What browsers may send and read (WHATWG Fetch). The token is in a header that
// scripts set themselves, so credentials in the sense of CORS are not allowed.
const (
	corsMethods = "POST"
	corsHeaders = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, traceparent, tracestate, DPoP"
	corsExposed = "WWW-Authenticate, MCP-Protocol-Version, X-Request-Id, Retry-After, DPoP-Nonce"
	corsMaxAge  = "600"
)

// AllowOrigin refuses requests that a browser sent from another origin than the
// resource's own and the allowed ones, and answers their preflights.
func AllowOrigin(resource *url.URL, allowed []string, r *Responder) func(http.Handler) http.Handler {
	origins := map[string]bool{resource.Scheme + "://" + hostPort(resource.Host, resource.Scheme): true}
	for _, origin := range allowed {
		origins[normalOrigin(origin)] = true
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			sent := req.Header["Origin"]
			if len(sent) == 0 {
				next.ServeHTTP(w, req)
				return
			}
			if len(sent) > 1 || !origins[normalOrigin(sent[0])] {
				r.RefuseStranger(w, req, Refusal{Status: http.StatusForbidden, Error: "origin_not_allowed", Reason: "bad_origin"})
				return
			}
			if isPreflight(req) {
				answerPreflight(w, req, sent[0])
				return
			}
			next.ServeHTTP(&corsWriter{ResponseWriter: w, origin: sent[0]}, req)
		})
	}
}

func isPreflight(req *http.Request) bool {
	return req.Method == http.MethodOptions && req.Header.Get("Access-Control-Request-Method") != ""
}

func answerPreflight(w http.ResponseWriter, req *http.Request, origin string) {
	h := w.Header()
	setOrigin(h, origin)
	h.Set("Access-Control-Allow-Methods", corsMethods)
	headers := []string{corsHeaders}
	// Mcp-Param-* headers are named by tools, so they are allowed as asked for.
	for name := range strings.SplitSeq(req.Header.Get("Access-Control-Request-Headers"), ",") {
		if name = strings.TrimSpace(name); isParamHeader(name) {
			headers = append(headers, name)
		}
	}
	h.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	h.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
}

// isParamHeader also wants a token (RFC 9110 section 5.6.2): the name goes back
// into a header.
func isParamHeader(name string) bool {
	const prefix = "mcp-param-"
	return len(name) > len(prefix) && len(name) <= 128 && strings.EqualFold(name[:len(prefix)], prefix) &&
		!strings.ContainsFunc(name, func(c rune) bool {
			return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
		})
}

func setOrigin(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	h.Add("Vary", "Origin")
}

// corsWriter adds the CORS headers last: a refusal clears what was there before.
type corsWriter struct {
	http.ResponseWriter

	origin string
	begun  bool
}

func (w *corsWriter) begin() {
	if !w.begun {
		w.begun = true
		setOrigin(w.Header(), w.origin)
	}
}

func (w *corsWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *corsWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// FlushError makes http.ResponseController flush through begin.
func (w *corsWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *corsWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// normalOrigin returns scheme and host in lower case without a default port, ""
// for what is no origin.
func normalOrigin(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return ""
	}
	scheme := strings.ToLower(u.Scheme)
	return scheme + "://" + hostPort(u.Host, scheme)
}
