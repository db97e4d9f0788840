package policy

import (
	"slices"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// Authentication is a requirement on the login behind a token (RFC 9470). The
// zero value requires nothing.
type Authentication struct {
	ACRValues []string
	MaxAge    time.Duration
}

// NewAuthentication returns the requirement of a, which may be nil.
func NewAuthentication(a *config.Authentication) Authentication {
	if a == nil {
		return Authentication{}
	}
	return Authentication{ACRValues: a.ACRValues, MaxAge: time.Duration(a.MaxAgeSeconds) * time.Second}
}

// And returns what meets both requirements: contexts that both accept, and the
// shorter age.
func (a Authentication) And(b Authentication) Authentication {
	out := Authentication{ACRValues: a.ACRValues, MaxAge: a.MaxAge}
	if len(out.ACRValues) == 0 {
		out.ACRValues = b.ACRValues
	} else if len(b.ACRValues) > 0 {
		out.ACRValues = slices.DeleteFunc(slices.Clone(b.ACRValues), func(v string) bool { return !slices.Contains(a.ACRValues, v) })
		if len(out.ACRValues) == 0 {
			out.ACRValues = []string{noCommonValue}
		}
	}
	if out.MaxAge == 0 || b.MaxAge > 0 && b.MaxAge < out.MaxAge {
		out.MaxAge = b.MaxAge
	}
	return out
}

// noCommonValue is no token's acr: it has a space. Validate refuses configurations
// of which a call would need it.
const noCommonValue = "no common value"

func (a Authentication) impossible() bool { return slices.Contains(a.ACRValues, noCommonValue) }

// Met tells whether a login of the context, at the time, is enough now. The zero
// time stands for a token that does not say when. A login of the future is none.
func (a Authentication) Met(acr string, login, now time.Time, skew time.Duration) bool {
	if len(a.ACRValues) > 0 && !slices.Contains(a.ACRValues, acr) {
		return false
	}
	until, bounded := a.Until(login, skew)
	return !bounded || !login.IsZero() && now.Before(until) && !login.After(now.Add(skew))
}

// Until returns when a login is too long ago, and whether it ever is.
func (a Authentication) Until(login time.Time, skew time.Duration) (time.Time, bool) {
	return login.Add(a.MaxAge + skew), a.MaxAge > 0
}
