package v1alpha1

import (
	"fmt"
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
