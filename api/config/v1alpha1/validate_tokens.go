package v1alpha1

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

func validateTokens(t *Tokens, errs *FieldErrors) {
	if t.JWKSURI != "" {
		if err := checkURI(t.JWKSURI); err != nil {
			errs.add("tokens.jwksURI", "%v", err)
		}
	}
	for i, alg := range t.Algorithms {
		if !slices.Contains(AllAlgorithms(), alg) {
			errs.add(fmt.Sprintf("tokens.algorithms[%d]", i), "%q is not allowed; want some of %s", alg, strings.Join(AllAlgorithms(), ", "))
		}
	}
	for i, claim := range t.ScopeClaims {
		if claim == "" {
			errs.add(fmt.Sprintf("tokens.scopeClaims[%d]", i), "is empty; want the name of a claim")
		}
	}
	if s := t.ClockSkewSeconds; s != nil && (*s < 0 || *s > MaxClockSkewSeconds) {
		errs.add("tokens.clockSkewSeconds", "%d: want 0 to %d", *s, MaxClockSkewSeconds)
	}
}

func validateAuthentication(path string, a *Authentication, errs *FieldErrors) {
	if a == nil {
		return
	}
	for i, acr := range a.ACRValues {
		// They stand in a quoted string of a challenge, separated by spaces.
		if !scopeToken.MatchString(acr) {
			errs.add(fmt.Sprintf("%s.acrValues[%d]", path, i), "%q: want printable ASCII characters without space, quote or backslash", acr)
		}
	}
	if a.MaxAgeSeconds < 0 {
		errs.add(path+".maxAgeSeconds", "%d: want 0 or more", a.MaxAgeSeconds)
	}
}

func validateOrigins(origins []string, errs *FieldErrors) {
	for i, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.String() != u.Scheme+"://"+u.Host || strings.Contains(u.Host, "*") {
			errs.add(fmt.Sprintf("allowedOrigins[%d]", i), "%q is not an origin; want for example https://app.example.com, no path and no wildcard", origin)
		}
	}
}

func validateLimits(l *Limits, errs *FieldErrors) {
	const maxBytes = 64 << 20
	for _, limit := range []struct {
		name  string
		value int64
		most  int64
	}{
		{"requestBytes", l.RequestBytes, maxBytes},
		{"responseBytes", l.ResponseBytes, maxBytes},
		{"concurrentRequests", int64(l.ConcurrentRequests), 1 << 20},
	} {
		if limit.value < 0 || limit.value > limit.most {
			errs.add("limits."+limit.name, "%d: want 1 to %d, or 0 for the default", limit.value, limit.most)
		}
	}
}
