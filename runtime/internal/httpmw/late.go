package httpmw

import (
	"net/http"
	"time"

	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

const (
	// lateBody is how long after its header a body is taken for one that came with
	// it.
	lateBody = time.Second
	// retryAfterChange is enough: the configuration that judges anew is in force.
	retryAfterChange = time.Second
)

// JudgeLate judges callers whose bodies were long in coming once more, now that
// something is about to run for them. Whoever held a body back would outlive the
// token, its key, or a revocation otherwise. Once revoked tells that another
// configuration judges callers, the caller is asked to come again: nothing has run.
func JudgeLate(revoked func() bool, v authn.Authenticator, dpop *authn.DPoP, p *policy.Policy, r *Responder) func(http.Handler) http.Handler {
	door := p.Scopes.Names(p.Door.Scopes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if time.Since(identityOf(req.Context()).arrived) < lateBody {
				next.ServeHTTP(w, req)
				return
			}
			if revoked() {
				r.Refuse(w, req, Refusal{
					Status: http.StatusServiceUnavailable, Error: "temporarily_unavailable",
					RetryAfter: retryAfterChange, Reason: "policy_changed",
				})
				return
			}
			credentials, err := dpop.Credentials(req)
			if err != nil {
				r.Refuse(w, req, authRefusal(err, credentials, door))
				return
			}
			principal, err := v.Verify(req.Context(), credentials.Token)
			if err != nil {
				r.Refuse(w, req, authRefusal(err, credentials, door))
				return
			}
			if d := Judge(p, principal, p.Door, "", door); d != nil {
				r.Refuse(w, req, denialRefusal(d))
				return
			}
			next.ServeHTTP(w, req.WithContext(authn.WithPrincipal(req.Context(), principal)))
		})
	}
}
