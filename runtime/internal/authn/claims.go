package authn

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// claims are the members of a JWT payload, raw: names compare exactly.
type claims map[string]json.RawMessage

// parseClaims wants UTF-8 (RFC 7519 section 7.2): what is none would be read as
// U+FFFD, and two subjects as one.
func parseClaims(payload []byte) (claims, *Error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c == nil || !utf8.Valid(payload) {
		return nil, refuse(Malformed, "payload is not a JSON object in UTF-8")
	}
	return c, nil
}

// text returns a claim that must be a string where it is present.
func (c claims) text(name string) (string, *Error) {
	s, ok := stringMember(c, name)
	if !ok {
		return "", refuse(Malformed, "%s is not a string", name)
	}
	return s, nil
}

// firstText returns the first of the named claims that is a string.
func (c claims) firstText(names ...string) string {
	for _, name := range names {
		if s, ok := stringMember(c, name); ok && s != "" {
			return s
		}
	}
	return ""
}

// texts returns a claim that is a string or an array of strings.
func (c claims) texts(name string) ([]string, *Error) {
	raw, ok := c[name]
	if !ok {
		return nil, nil
	}
	if s, ok := stringMember(c, name); ok {
		return []string{s}, nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, refuse(Malformed, "%s is neither a string nor an array of strings", name)
	}
	return list, nil
}

// date returns a NumericDate (RFC 7519 section 2) and whether it is present.
func (c claims) date(name string) (time.Time, bool, *Error) {
	raw, ok := c[name]
	if !ok {
		return time.Time{}, false, nil
	}
	var seconds *float64
	// The bound is the year 5138: later dates overflow somewhere sooner or later.
	if err := json.Unmarshal(raw, &seconds); err != nil || seconds == nil || math.Abs(*seconds) > 1e11 {
		return time.Time{}, false, refuse(Malformed, "%s is not a date in seconds", name)
	}
	whole, frac := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(frac*1e9)), true, nil
}

// scopes reads the first of the named claims that is present: one string of
// scopes separated by spaces (RFC 9068) or an array of them. A space within an
// element separates nothing: a role may be named with one.
func (c claims) scopes(names []string) ([]string, *Error) {
	for _, name := range names {
		if _, ok := c[name]; !ok {
			continue
		}
		if s, ok := stringMember(c, name); ok {
			return strings.Fields(s), nil
		}
		return c.texts(name)
	}
	return nil, nil
}

// checkParties wants the exact issuer and our audience. Both are compared byte
// for byte: a normalization here is an impersonation somewhere.
func (c claims) checkParties(issuer, audience string) *Error {
	iss, err := c.text("iss")
	if err != nil {
		return err
	}
	if iss != issuer {
		return refuse(BadIssuer, "iss is not the configured issuer")
	}
	aud, err := c.texts("aud")
	if err != nil {
		return err
	}
	if !slices.Contains(aud, audience) {
		return refuse(BadAudience, "aud does not name this server")
	}
	return nil
}

// checkTimes returns when the token stops being accepted.
func (c claims) checkTimes(now time.Time, skew time.Duration) (time.Time, *Error) {
	exp, ok, err := c.date("exp")
	if err != nil {
		return time.Time{}, err
	}
	if !ok {
		return time.Time{}, refuse(MissingClaim, "no exp")
	}
	expires := exp.Add(skew)
	if !now.Before(expires) {
		return time.Time{}, refuse(Expired, "exp has passed")
	}
	for _, name := range []string{"nbf", "iat"} {
		date, ok, err := c.date(name)
		if err != nil {
			return time.Time{}, err
		}
		if ok && date.After(now.Add(skew)) {
			return time.Time{}, refuse(NotYetValid, "%s is in the future", name)
		}
	}
	return expires, nil
}
