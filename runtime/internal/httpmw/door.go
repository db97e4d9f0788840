package httpmw

import (
	"errors"
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

const retryAfterOutage = 5 * time.Second

// Authenticate lets through who shows a valid access token, with a Principal in
// the context, and refuses everyone else before a byte of the body is read.
func Authenticate(v *authn.Verifier, p *policy.Policy, r *Responder) func(http.Handler) http.Handler {
	door := p.Scopes.Names(p.Door)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			token, err := authn.Bearer(req)
			if err != nil {
				r.Refuse(w, req, authRefusal(err, door))
				return
			}
			principal, err := v.Verify(req.Context(), token)
			if err != nil {
				r.Refuse(w, req, authRefusal(err, door))
				return
			}
			next.ServeHTTP(w, req.WithContext(authn.WithPrincipal(req.Context(), principal)))
		})
	}
}

func authRefusal(err error, scopes []string) Refusal {
	var e *authn.Error
	if !errors.As(err, &e) {
		return Refusal{Status: http.StatusInternalServerError, Error: "server_error", Reason: "internal", Detail: err.Error()}
	}
	f := Refusal{Status: http.StatusUnauthorized, Error: "invalid_token", Challenge: true, Scopes: scopes, Reason: string(e.Reason), Detail: e.Detail}
	switch e.Reason {
	case authn.NoToken:
		f.Error = "" // RFC 6750 section 3.1: no error without credentials
	case authn.MalformedRequest:
		f.Status, f.Error = http.StatusBadRequest, "invalid_request"
	case authn.Unavailable:
		return Refusal{Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable", RetryAfter: retryAfterOutage, Reason: string(e.Reason), Detail: e.Detail}
	}
	return f
}

// RequireDoor wants the scopes that every request needs.
func RequireDoor(p *policy.Policy, r *Responder) func(http.Handler) http.Handler {
	names := p.Scopes.Names(p.Door)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if principal := authn.FromContext(req.Context()); principal == nil || !principal.Scopes.Has(p.Door) {
				r.Refuse(w, req, insufficientScope(names, ""))
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

func insufficientScope(needs []string, tool string) Refusal {
	return Refusal{
		Status: http.StatusForbidden, Error: "insufficient_scope", Challenge: true,
		Scopes: needs, Reason: "insufficient_scope", Tool: tool,
	}
}
