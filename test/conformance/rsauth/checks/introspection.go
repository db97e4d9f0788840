package checks

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

const rfc7662 = "RFC 7662 section 2.2"

// answered is a check of an answer of the introspection endpoint that lets
// nobody in. The token is one that the endpoint has not been asked about.
func answered(level Level, id, reference, sends, wants string, answer func(*target) oauthtest.Fault, ok func(*answer) bool) Check {
	return Check{
		ID: id, Level: level, Reference: reference, Sends: "a token of which introspection says " + sends, Wants: wants,
		probe: func(ctx context.Context, t *target) (finding, error) {
			token, err := t.token(nil)
			if err != nil {
				return finding{}, err
			}
			t.Issuer.SetFault(oauthtest.EndpointIntrospect, answer(t))
			defer t.Issuer.ClearFault(oauthtest.EndpointIntrospect)
			a, err := t.send(ctx, request{token: token})
			if err != nil {
				return finding{}, err
			}
			return judge(a, ok(a)), nil
		},
	}
}

// says is an introspection answer for a token that is good, with members
// changed; nil leaves one out.
func says(changed map[string]any) func(*target) oauthtest.Fault {
	return func(t *target) oauthtest.Fault {
		members := map[string]any{
			"active": true, "iss": t.Issuer.Issuer(), "aud": t.Audience, "sub": oauthtest.DefaultSubject, "client_id": oauthtest.DefaultClientID,
			"scope": t.allScopes(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		}
		if t.DPoP == DPoPRequired {
			members["cnf"] = t.holder.Bound()["cnf"]
		}
		for name, value := range changed {
			if members[name] = value; value == nil {
				delete(members, name)
			}
		}
		raw, err := json.Marshal(members)
		if err != nil {
			panic(err) // checks say plain values
		}
		return oauthtest.Fault{Body: string(raw), Header: http.Header{"Content-Type": {"application/json"}}}
	}
}

func fails(fault oauthtest.Fault) func(*target) oauthtest.Fault {
	return func(*target) oauthtest.Fault { return fault }
}

func notAccepted(a *answer) bool { return a.Status >= 400 }

// introspectionChecks look at what a server makes of the issuer's answers about
// opaque tokens.
func introspectionChecks() []Check {
	const (
		anyRefusal = "401, or 5xx"
		trust      = "RFC 7662 sections 2.2 and 4"
	)
	return []Check{
		answered(Must, "A5.inactive", rfc7662, "that it is not active", "401", says(map[string]any{"active": false}), status(401)),
		answered(Must, "A5.inactive-alone", rfc7662, "that it is not active, and no more", "401", fails(oauthtest.Fault{
			Body: `{"active":false}`, Header: http.Header{"Content-Type": {"application/json"}},
		}), status(401)),
		answered(Must, "A5.active-left-out", rfc7662, "everything but active", anyRefusal, says(map[string]any{"active": nil}), notAccepted),
		answered(Must, "A5.active-not-a-boolean", rfc7662, `that active is the string "false"`, anyRefusal, says(map[string]any{"active": "false"}), notAccepted),
		answered(Must, "A5.active-and-expired", trust, "that it is active, and has expired", "401", says(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), status(401)),
		answered(Must, "A5.introspection-not-json", rfc7662, "something that is no JSON", anyRefusal, fails(oauthtest.Fault{
			Body: "active", Header: http.Header{"Content-Type": {"application/json"}},
		}), notAccepted),
		answered(Must, "A5.introspection-fails", rfc7662, "nothing, with status 500", anyRefusal, fails(oauthtest.Fault{Status: http.StatusInternalServerError}), notAccepted),
		answered(Must, "A5.introspection-hangs-up", rfc7662, "nothing, and hangs up", anyRefusal, fails(oauthtest.Fault{Close: true}), notAccepted),
		answered(Should, "A5.introspection-outage", "RFC 9110 section 15.6.4", "nothing, with status 500", "503", fails(oauthtest.Fault{Status: http.StatusInternalServerError}), status(503)),
		answered(Must, "A5.refresh-token", "RFC 7662 sections 2.2 and 4", "that it is active, and a refresh token", "401", says(map[string]any{"token_type": "refresh_token"}), status(401)),
		answered(Must, "A5.token-type-not-bearer", "RFC 7662 section 2.2, RFC 8693 section 2.2.1", "that it is active, and no access token (N_A)", "401", says(map[string]any{"token_type": "N_A"}), status(401)),
		answered(Must, "A5.dpop-type-without-key", "RFC 9449 section 6.2", "that it is active, of type DPoP, and not which key it is bound to", "401", says(map[string]any{"token_type": "DPoP", "cnf": nil}), status(401)),
		revoked(),
	}
}

// revoked is a check that a token which the issuer took back before anybody used
// it is not accepted.
func revoked() Check {
	return Check{
		ID: "A5.revoked", Level: Must, Reference: rfc7662, Sends: "a token that was revoked before its first use", Wants: "401",
		probe: func(ctx context.Context, t *target) (finding, error) {
			token, err := t.token(nil)
			if err != nil {
				return finding{}, err
			}
			t.Issuer.Revoke(token)
			a, err := t.send(ctx, request{token: token})
			if err != nil {
				return finding{}, err
			}
			return judge(a, a.Status == http.StatusUnauthorized), nil
		},
	}
}
