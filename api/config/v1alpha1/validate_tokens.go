package v1alpha1

import (
	"fmt"
	"slices"
	"strings"
)

func validateTokens(t *Tokens, errs *FieldErrors) {
	validateIntrospection(t, errs)
	validateSignatures(t, errs)
	for i, claim := range t.ScopeClaims {
		if claim == "" {
			errs.add(fmt.Sprintf("tokens.scopeClaims[%d]", i), "is empty; want the name of a claim")
		}
	}
	if s := t.ClockSkewSeconds; s != nil && (*s < 0 || *s > MaxClockSkewSeconds) {
		errs.add("tokens.clockSkewSeconds", "%d: want 0 to %d", *s, MaxClockSkewSeconds)
	}
}

// validateSignatures checks what is about tokens that are signed. A field that
// would be ignored is refused.
func validateSignatures(t *Tokens, errs *FieldErrors) {
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
	if s := t.StaleKeysSeconds; s != 0 && s < MinStaleKeysSeconds || s > MaxStaleKeysSeconds {
		errs.add("tokens.staleKeysSeconds", "%d: want %d to %d, or 0 for the default", s, MinStaleKeysSeconds, MaxStaleKeysSeconds)
	}
	if t.Type == TokenOpaque && t.JWKSURI != "" {
		errs.add("tokens.jwksURI", "is for tokens.type %s only: opaque tokens have no signature", TokenJWT)
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

// validateCommonACR wants that one login can meet both requirements: a tool's
// holds beside the server's.
func validateCommonACR(path string, server, tool *Authentication, errs *FieldErrors) {
	if server == nil || tool == nil || len(server.ACRValues) == 0 || len(tool.ACRValues) == 0 {
		return
	}
	if !slices.ContainsFunc(tool.ACRValues, func(acr string) bool { return slices.Contains(server.ACRValues, acr) }) {
		errs.add(path+".acrValues", "no login meets both these and the authentication.acrValues of the whole server; want at least one of %s here", strings.Join(server.ACRValues, ", "))
	}
}

func validateIntrospection(t *Tokens, errs *FieldErrors) {
	i := t.Introspection
	switch {
	case t.Type != "" && t.Type != TokenJWT && t.Type != TokenOpaque:
		errs.add("tokens.type", "%q: want %s or %s", t.Type, TokenJWT, TokenOpaque)
	case t.Type == TokenOpaque && i == nil:
		errs.add("tokens.introspection", "is required for opaque tokens")
	case t.Type != TokenOpaque && i != nil:
		errs.add("tokens.introspection", "is for tokens.type %s only", TokenOpaque)
	}
	if i == nil {
		return
	}
	if i.ClientID == "" {
		errs.add("tokens.introspection.clientID", "is required")
	}
	if i.ClientSecretFile == "" {
		errs.add("tokens.introspection.clientSecretFile", "is required")
	}
	if methods := []string{"", AuthBasic, AuthPost, AuthPrivateKeyJWT}; !slices.Contains(methods, i.ClientAuth) {
		errs.add("tokens.introspection.clientAuth", "%q: want one of %s", i.ClientAuth, strings.Join(methods[1:], ", "))
	}
	if i.CacheSeconds < 0 || i.CacheSeconds > MaxIntrospectionCacheSeconds {
		errs.add("tokens.introspection.cacheSeconds", "%d: want 1 to %d, or 0 for the default", i.CacheSeconds, MaxIntrospectionCacheSeconds)
	}
}
