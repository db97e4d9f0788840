package httpmw

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/securedmcp/operator/runtime/internal/authn"
)

// DPoPChallenge is what the DPoP challenge says (RFC 9449 section 7.1).
type DPoPChallenge struct {
	// Algorithms are the JWS algorithms of proofs.
	Algorithms []string
	// Required tells that bearer tokens are not accepted.
	Required bool
	// Nonce returns the DPoP-Nonce that goes with the challenge, "" for none.
	Nonce func(context.Context) string
}

// told is what a stranger is told by a challenge, who has no scopes or login to
// be told about.
type told struct {
	err  string
	dpop bool
}

// challengesOfStrangers are those of every refusal of a stranger where these scopes
// are needed. A flood of strangers has them built once.
func (r *Responder) challengesOfStrangers(scopes []string) map[told][]string {
	built := map[told][]string{}
	for _, err := range append(slices.Collect(maps.Keys(descriptions)), "") {
		for _, dpop := range []bool{false, true} {
			built[told{err, dpop}] = r.challenges(nil, Refusal{Error: err, DPoP: dpop, Scopes: scopes})
		}
	}
	return built
}

// setChallenges writes a challenge for each scheme that the caller may use, with
// the nonce that DPoP wants.
func (r *Responder) setChallenges(ctx context.Context, h http.Header, f Refusal) {
	caller := authn.FromContext(ctx)
	challenges := f.Challenges
	if challenges == nil {
		challenges = r.challenges(caller, f)
	}
	h["Www-Authenticate"] = challenges // as net/http spells it, which saves it the work
	if r.offersDPoP(caller, f) {
		if nonce := r.DPoP.Nonce(ctx); nonce != "" {
			h.Set("DPoP-Nonce", nonce)
		}
	}
}

// challenges are one for each scheme that the caller may use: that of the token
// where its owner is known, and all that are spoken here otherwise. Bearer comes
// first, for clients that read one.
func (r *Responder) challenges(caller *authn.Principal, f Refusal) (challenges []string) {
	used := usesDPoP(caller, f)
	bearer := r.DPoP == nil || !r.DPoP.Required && (caller == nil || !used)
	if bearer {
		challenges = append(challenges, r.challenge("Bearer", f, !used, nil))
	}
	if r.offersDPoP(caller, f) {
		challenges = append(challenges, r.challenge("DPoP", f, used || !bearer, r.DPoP.Algorithms))
	}
	return challenges
}

func (r *Responder) offersDPoP(caller *authn.Principal, f Refusal) bool {
	return r.DPoP != nil && (caller == nil || usesDPoP(caller, f))
}

func usesDPoP(caller *authn.Principal, f Refusal) bool {
	return f.DPoP || caller != nil && caller.Key != nil
}

// challenge builds one challenge (RFC 6750 section 3, RFC 9728 section 5.1). The
// values need no escaping: scope names and canonical URIs have neither quotes nor
// backslashes.
func (r *Responder) challenge(scheme string, f Refusal, withError bool, algorithms []string) string {
	var b strings.Builder
	b.Grow(256)
	b.WriteString(scheme)
	separator := " "
	add := func(name string, words ...string) {
		if len(words) == 0 || words[0] == "" {
			return
		}
		b.WriteString(separator)
		separator = ", "
		b.WriteString(name)
		b.WriteString(`="`)
		for i, word := range words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word)
		}
		b.WriteByte('"')
	}
	if withError {
		add("error", f.Error)
		add("error_description", descriptions[f.Error])
	}
	add("algs", algorithms...)
	add("scope", f.Scopes...)
	if a := f.Authentication; a != nil { // RFC 9470 section 3
		add("acr_values", a.ACRValues...)
		if a.MaxAge > 0 {
			add("max_age", strconv.Itoa(int(a.MaxAge.Seconds())))
		}
	}
	add("resource_metadata", r.MetadataURL)
	return b.String()
}
