// Package httpmw holds the HTTP layers in front of the MCP server, each one a
// func(http.Handler) http.Handler, and the one place that writes refusals.
package httpmw

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

// Refusal is a request that ends here. The caller gets the status, the class of
// the error and, for 401 and 403, a challenge; Reason and Detail are for those
// who run the server.
type Refusal struct {
	Status int
	// Error is an OAuth error code (RFC 6750 section 3.1) or a word alike.
	// Empty for a 401 that carried no token.
	Error string
	// Scopes are those that the operation needs, for the challenge.
	Scopes []string
	// Authentication is the login that the operation needs, for the challenge.
	Authentication *policy.Authentication
	// Challenge adds WWW-Authenticate.
	Challenge bool
	// RetryAfter adds Retry-After where it is not 0.
	RetryAfter time.Duration
	Reason     string
	Detail     string
	// Tool is the tool that was refused, where it got as far.
	Tool string
}

// Counter counts requests by outcome.
type Counter interface {
	Request(outcome string)
}

// Responder answers refusals for one resource.
type Responder struct {
	// MetadataURL is the resource_metadata of challenges (RFC 9728 section 5.1).
	MetadataURL string
	Audit       *audit.Log
	Counter     Counter
	// ScopeNames turns a caller's scopes into names for the audit.
	ScopeNames func(*authn.Principal) []string
}

// Refuse writes the answer, the audit line and the metric of a refusal.
func (r *Responder) Refuse(w http.ResponseWriter, req *http.Request, f Refusal) {
	r.Counter.Request(f.Reason)
	r.record(req, f)
	h := w.Header()
	for name := range h {
		delete(h, name) // whatever a handler had begun to say
	}
	if f.Challenge {
		h.Set("WWW-Authenticate", r.challenge(f))
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	if id := RequestID(req.Context()); id != "" {
		h.Set("X-Request-Id", id)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": f.bodyError()})
}

func (f Refusal) bodyError() string {
	if f.Error == "" {
		return "unauthorized"
	}
	return f.Error
}

func (r *Responder) record(req *http.Request, f Refusal) {
	e := audit.Event{Decision: audit.Denied, Reason: f.Reason, Tool: f.Tool, Needs: f.Scopes, RequestID: RequestID(req.Context())}
	if p := authn.FromContext(req.Context()); p != nil {
		e.Subject, e.ClientID, e.Holds = p.Subject, p.ClientID, r.ScopeNames(p)
	}
	r.Audit.Write(req.Context(), e)
}

// challenge builds WWW-Authenticate (RFC 6750 section 3, RFC 9728 section 5.1).
// The values need no escaping: scope names and canonical URIs have neither
// quotes nor backslashes.
func (r *Responder) challenge(f Refusal) string {
	var params []string
	add := func(name, value string) {
		if value != "" {
			params = append(params, name+`="`+value+`"`)
		}
	}
	add("error", f.Error)
	add("error_description", descriptions[f.Error])
	add("scope", strings.Join(f.Scopes, " "))
	if a := f.Authentication; a != nil { // RFC 9470 section 3
		add("acr_values", strings.Join(a.ACRValues, " "))
		if a.MaxAge > 0 {
			add("max_age", strconv.Itoa(int(a.MaxAge.Seconds())))
		}
	}
	add("resource_metadata", r.MetadataURL)
	return "Bearer " + strings.Join(params, ", ")
}

// descriptions say no more than the class of the error.
var descriptions = map[string]string{
	"invalid_token":                    "The access token is missing, expired, malformed or not for this server",
	"insufficient_user_authentication": "The request needs a stronger or more recent login",
	"insufficient_scope":               "The request needs more scope than the access token has",
	"invalid_request":                  "The request carries its credentials in a way that is not allowed",
}
