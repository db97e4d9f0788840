// Package httpmw holds the HTTP layers in front of the MCP server, each one a
// func(http.Handler) http.Handler, and the one place that writes refusals.
package httpmw

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/tracing"
)

// Refusal is a request that ends here. The caller gets the status, the class of
// the error and, for 401 and 403, a challenge; Reason is for those who run the
// server.
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
	// Challenges are the values of WWW-Authenticate where they were built before.
	Challenges []string
	// DPoP tells that the access token was presented by the DPoP scheme, whose
	// challenge then carries the error.
	DPoP bool
	// RetryAfter adds Retry-After where it is not 0.
	RetryAfter time.Duration
	// Reason is a word of a closed set, for the audit and the metrics.
	Reason string
	// RPC makes the body a JSON-RPC error, where the protocol asks for one.
	RPC *RPCError
}

// Counter counts requests by the status and the reason of their answer.
type Counter interface {
	Request(status int, reason string)
}

// Responder answers refusals for one resource.
type Responder struct {
	// MetadataURL is the resource_metadata of challenges (RFC 9728 section 5.1).
	MetadataURL string
	// DPoP is nil where only Bearer is spoken.
	DPoP    *DPoPChallenge
	Audit   *audit.Log
	Counter Counter
	// Pace delays refusals of strangers; nil delays none.
	Pace *Pace
	// ScopeNames turns a caller's scopes into names for the audit.
	ScopeNames func(*authn.Principal) []string
}

// Refuse writes the answer, the audit line and the metric of a refusal.
func (r *Responder) Refuse(w http.ResponseWriter, req *http.Request, f Refusal) {
	r.record(req, audit.Event{Decision: audit.Denied, Reason: f.Reason, Needs: f.Scopes})
	r.refuseAudited(w, req, f)
}

// refuseAudited writes the answer and the metric of a refusal that has its audit
// line.
func (r *Responder) refuseAudited(w http.ResponseWriter, req *http.Request, f Refusal) {
	r.answered(req.Context(), f.Status, f.Reason)
	h := w.Header()
	forget(h)
	if f.Challenge {
		r.setChallenges(req.Context(), h, f)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	h["Cache-Control"], h["Content-Type"], h["X-Content-Type-Options"] = noStore, jsonType, noSniff
	w.WriteHeader(f.Status)
	if f.RPC != nil {
		f.RPC.write(w, messageID(req.Context()))
		return
	}
	_, _ = w.Write([]byte(`{"error":"` + f.bodyError() + "\"}\n")) // a word of ours, with nothing to escape
}

// forget removes what a handler had begun to say of its answer. What is said of the
// request and of the connection stays: a pod that drains has to part with strangers,
// too.
func forget(h http.Header) {
	for name := range h {
		if name != "Connection" && name != "X-Request-Id" {
			delete(h, name)
		}
	}
}

// Values of the headers that no refusal is without. They are shared, and names are
// written as net/http spells them: a refusal costs little, however many there are.
var (
	noStore  = []string{"no-store"}
	jsonType = []string{"application/json"}
	noSniff  = []string{"nosniff"}
)

// RefuseStranger refuses a request whose caller is not known, when it is its turn.
// So is who shows another's token and cannot prove to hold its key.
func (r *Responder) RefuseStranger(w http.ResponseWriter, req *http.Request, f Refusal) {
	r.Pace.wait(req.Context())
	r.Refuse(w, req, f)
}

// answered counts the request by its answer, and notes that on its span. The
// reason is a word of a closed set.
func (r *Responder) answered(ctx context.Context, status int, reason string) {
	r.Counter.Request(status, reason)
	tracing.Answered(ctx, status, reason)
}

func (f Refusal) bodyError() string {
	if f.Error == "" {
		return "unauthorized"
	}
	return f.Error
}

// record writes an audit line with who asked.
func (r *Responder) record(req *http.Request, e audit.Event) {
	e.RequestID, e.TraceID = RequestID(req.Context()), tracing.ID(req.Context())
	if p := authn.FromContext(req.Context()); p != nil {
		e.Subject, e.ClientID, e.Holds = p.Subject, p.ClientID, r.ScopeNames(p)
	}
	r.Audit.Write(req.Context(), e)
}

// descriptions say no more than the class of the error.
var descriptions = map[string]string{
	"invalid_token":                    "The access token is missing, expired, malformed or not for this server",
	"insufficient_user_authentication": "The request needs a stronger or more recent login",
	"insufficient_scope":               "The request needs more scope than the access token has",
	"invalid_request":                  "The request carries its credentials in a way that is not allowed",
	"invalid_dpop_proof":               "The DPoP proof is missing, malformed, not for this request or used before",
	"use_dpop_nonce":                   "The DPoP proof needs the nonce that DPoP-Nonce holds",
}
