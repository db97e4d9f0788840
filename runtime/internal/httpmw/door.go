package httpmw

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

const (
	retryAfterOutage  = 5 * time.Second
	retryAfterStreams = 30 * time.Second
)

// Authenticate lets through who shows a valid access token, with a Principal in
// the context, and refuses everyone else before a byte of the body is read. A
// nil dpop accepts bearer tokens only.
func Authenticate(v authn.Authenticator, dpop *authn.DPoP, p *policy.Policy, r *Responder) func(http.Handler) http.Handler {
	door := p.Scopes.Names(p.Door.Scopes)
	challenges := r.challengesOfStrangers(door)
	refuse := func(w http.ResponseWriter, req *http.Request, err error, credentials authn.Credentials) {
		f := authRefusal(err, credentials, door)
		f.Challenges = challenges[told{f.Error, f.DPoP}]
		r.RefuseStranger(w, req, f)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			credentials, err := dpop.Credentials(req)
			if err != nil {
				refuse(w, req, err, credentials)
				return
			}
			principal, err := v.Verify(req.Context(), credentials.Token)
			if err != nil {
				refuse(w, req, err, credentials)
				return
			}
			proof, err := dpop.Check(req, credentials, principal)
			if err != nil {
				refuse(w, req, err, credentials)
				return
			}
			ctx := authn.WithPrincipal(req.Context(), principal)
			if proof != nil {
				ctx = authn.WithFreshProof(ctx, proof)
				if proof.NextNonce != "" {
					w.Header().Set("DPoP-Nonce", proof.NextNonce)
				}
			}
			next.ServeHTTP(w, req.WithContext(ctx))
		})
	}
}

// UseProof uses up the DPoP proof of a request, which has to be its first use. It
// comes after LimitRate, so that requests beyond the limit leave nothing behind,
// and before the body is read: a caller may take longer over that than a proof
// is remembered.
func UseProof(p *policy.Policy, r *Responder) func(http.Handler) http.Handler {
	door := p.Scopes.Names(p.Door.Scopes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if proof := authn.FreshProofFrom(req.Context()); proof != nil {
				if err := proof.Use(req.Context()); err != nil {
					r.Refuse(w, req, authRefusal(err, authn.Credentials{DPoP: true}, door))
					return
				}
			}
			next.ServeHTTP(w, req)
		})
	}
}

func authRefusal(err error, credentials authn.Credentials, scopes []string) Refusal {
	var e *authn.Error
	if !errors.As(err, &e) {
		return Refusal{Status: http.StatusInternalServerError, Error: "server_error", Reason: "internal"}
	}
	f := Refusal{
		Status: http.StatusUnauthorized, Error: "invalid_token", Challenge: true, DPoP: credentials.DPoP,
		Scopes: scopes, Reason: string(e.Reason),
	}
	switch e.Reason {
	case authn.NoToken, authn.BearerRefused:
		f.Error = "" // RFC 6750 section 3.1: no error without credentials of a scheme that is spoken here
	case authn.BadProof, authn.ProofReplayed:
		f.Error = "invalid_dpop_proof"
	case authn.NonceNeeded:
		f.Error = "use_dpop_nonce"
	case authn.MalformedRequest:
		f.Status, f.Error = http.StatusBadRequest, "invalid_request"
	case authn.CallerLeft:
		return Refusal{Status: http.StatusBadRequest, Error: "invalid_request", Reason: string(e.Reason)}
	case authn.Unavailable, authn.ReplayMemoryFull:
		return Refusal{
			Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable",
			RetryAfter: wholeSeconds(cmp.Or(e.RetryAfter, retryAfterOutage)), Reason: string(e.Reason),
		}
	}
	return f
}

// RequireDoor wants what every request needs: first a login that is strong and
// fresh enough, since another one brings another token, then the scopes.
func RequireDoor(p *policy.Policy, r *Responder) func(http.Handler) http.Handler {
	names := p.Scopes.Names(p.Door.Scopes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if d := Judge(p, authn.FromContext(req.Context()), p.Door, "", names); d != nil {
				r.Refuse(w, req, denialRefusal(d))
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// Judge tells why the caller may not do what needs say, nil if nothing speaks
// against it. Names are those of needs.Scopes.
func Judge(p *policy.Policy, caller *authn.Principal, needs policy.Needs, tool string, names []string) *policy.Denial {
	switch {
	case caller == nil:
		return &policy.Denial{Tool: tool, Scopes: names}
	case !needs.Authentication.Met(caller.ACR, caller.Login, time.Now(), p.ClockSkew):
		return &policy.Denial{Tool: tool, Scopes: names, Authentication: &needs.Authentication}
	case !caller.Scopes.Has(needs.Scopes):
		return &policy.Denial{Tool: tool, Scopes: names}
	}
	return nil
}

func denialRefusal(d *policy.Denial) Refusal {
	switch {
	case d.Header != "":
		return headerMismatch("header mismatch: " + d.Header + " and the argument that it repeats do not agree")
	case d.Streams == policy.StreamsOfCaller:
		return Refusal{Status: http.StatusTooManyRequests, Error: "too_many_streams", RetryAfter: retryAfterStreams, Reason: d.Reason()}
	case d.Streams != "":
		return Refusal{Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable", RetryAfter: retryAfterStreams, Reason: d.Reason()}
	case d.Authentication != nil:
		return Refusal{
			Status: http.StatusUnauthorized, Error: "insufficient_user_authentication", Challenge: true,
			Scopes: d.Scopes, Authentication: d.Authentication, Reason: "insufficient_user_authentication",
		}
	}
	return Refusal{
		Status: http.StatusForbidden, Error: "insufficient_scope", Challenge: true,
		Scopes: d.Scopes, Reason: "insufficient_scope",
	}
}
