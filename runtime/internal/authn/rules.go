package authn

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/policy"
)

// rules judge what a token says, once it is known that the issuer said it.
type rules struct {
	issuer      string
	audience    string
	scopeClaims []string
	policy      *policy.Policy
	revocation  config.Revocation
	dpop        bool // whether a token may be bound to a key
}

func newRules(c *config.RuntimeConfig, p *policy.Policy) *rules {
	r := &rules{issuer: c.Issuer, audience: c.Audience, scopeClaims: c.Tokens.ScopeClaims, policy: p, revocation: c.Revocation, dpop: c.Tokens.DPoPEnabled()}
	if len(r.scopeClaims) == 0 {
		r.scopeClaims = config.DefaultScopeClaims()
	}
	return r
}

// judge returns whom the claims speak for, or why nobody. Typed tells that the
// token is one of typ at+jwt.
func (r *rules) judge(c claims, typed bool, now time.Time) (*Principal, *Error) {
	if err := c.checkParties(r.issuer, r.audience); err != nil {
		return nil, err
	}
	if err := c.checkKind(typed); err != nil {
		return nil, err
	}
	expires, err := c.checkTimes(now, r.policy.ClockSkew)
	if err != nil {
		return nil, err
	}
	p := &Principal{Expires: expires, TokenExpires: expires}
	if p.Key, err = r.boundTo(c); err != nil {
		return nil, err
	}
	if err := r.identify(p, c); err != nil {
		return nil, err
	}
	if err := r.checkRevocation(p, c); err != nil {
		return nil, err
	}
	return p, r.readGrants(p, c)
}

// boundTo reads cnf, which binds a token to a key that a bearer does not prove
// to hold (RFC 9449 section 7.1, RFC 8705 section 3). Of the ways to prove it
// one is known here, and a token that asks for another, or for two, is refused.
func (r *rules) boundTo(c claims) (*Thumbprint, *Error) {
	raw, ok := c["cnf"]
	if !ok {
		return nil, nil
	}
	if !r.dpop {
		return nil, refuse(SenderBound, "cnf binds the token to a key; bearer use is refused")
	}
	cnf, err := parseClaims(raw)
	if err != nil || len(cnf) != 1 {
		return nil, refuse(SenderBound, "cnf is not an object of jkt alone")
	}
	jkt, ok := stringMember(cnf, "jkt")
	if !ok {
		return nil, refuse(SenderBound, "cnf.jkt is not a string")
	}
	key, ok := parseThumbprint(jkt)
	if !ok {
		return nil, refuse(SenderBound, "cnf is not a SHA-256 thumbprint in jkt")
	}
	return &key, nil
}

// clientClaims name the client of a token: RFC 9068, OpenID Connect, Entra ID's tokens
// of version 1, and Okta.
var clientClaims = []string{"client_id", "azp", "appid", "cid"}

func (r *rules) identify(p *Principal, c claims) (err *Error) {
	if p.Subject, err = c.text("sub"); err != nil {
		return err
	}
	p.ClientID = c.firstText(clientClaims...)
	if p.Subject == "" {
		p.Subject = p.ClientID
	}
	if p.Subject == "" {
		return refuse(MissingClaim, "neither sub nor client_id")
	}
	if p.ACR, err = c.text("acr"); err != nil {
		return err
	}
	p.Login, _, err = c.date("auth_time")
	return err
}

// checkRevocation looks at every name that a token may be revoked by. All of
// clientClaims count: an entry of the list must not depend on which one the
// issuer happens to write. A name that is no string equals none of the list,
// and is not believed while there is one.
func (r *rules) checkRevocation(p *Principal, c claims) *Error {
	if slices.Contains(r.revocation.Subjects, p.Subject) {
		return refuse(Revoked, "the subject is revoked")
	}
	for _, name := range clientClaims {
		if c.listed(name, r.revocation.Clients) {
			return refuse(Revoked, "the client is revoked")
		}
	}
	if c.listed("jti", r.revocation.TokenIDs) {
		return refuse(Revoked, "the token is revoked")
	}
	if r.revocation.IssuedBefore == nil {
		return nil
	}
	issued, ok, err := c.date("iat")
	if err != nil {
		return err
	}
	if !ok || issued.Before(*r.revocation.IssuedBefore) {
		return refuse(Revoked, "issued before %s, or not known when", r.revocation.IssuedBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// listed tells whether the list has the claim, or may have what the claim means.
func (c claims) listed(name string, list []string) bool {
	if len(list) == 0 {
		return false
	}
	s, ok := stringMember(c, name)
	return !ok || slices.Contains(list, s)
}

func (r *rules) readGrants(p *Principal, c claims) *Error {
	names, err := c.scopes(r.scopeClaims)
	if err != nil {
		return err
	}
	p.Scopes = r.policy.Scopes.Granted(names)
	if r.policy.Grants.Any() {
		p.Scopes = p.Scopes.Union(r.policy.Grants.Of(c.decoded()))
	}
	return nil
}

// decoded returns the claims as expressions see them.
func (c claims) decoded() map[string]any {
	out := make(map[string]any, len(c))
	for name, raw := range c {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil {
			out[name] = withExactNumbers(v)
		}
	}
	return out
}

// withExactNumbers makes numbers of Go of those in v.
func withExactNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return exactNumber(string(v))
	case []any:
		for i, e := range v {
			v[i] = withExactNumbers(e)
		}
	case map[string]any:
		for name, e := range v {
			v[name] = withExactNumbers(e)
		}
	}
	return v
}

// maxExact is the largest integer that a double keeps apart from the next.
const maxExact = 1<<53 - 1

// exactNumber returns a double, which is what expressions have always seen, but for
// integers that no double tells apart: who has one identifier of 64 bits must not
// have what is granted to the next. What is beyond these equals nothing.
func exactNumber(s string) any {
	d, err := strconv.ParseFloat(s, 64)
	if err == nil && math.Abs(d) <= maxExact {
		return d
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n
	}
	return math.NaN()
}
