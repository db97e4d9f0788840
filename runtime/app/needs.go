package app

import (
	"crypto/sha256"
	"encoding/json"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// digests are those of what callers are judged by, by what that is.
type digests = map[string][sha256.Size]byte

// needsOf returns what live.Instance.Needs has to be for c. Texts that only people
// read are no part of it.
func needsOf(c *config.RuntimeConfig) digests {
	needs := digests{"everyone": digestOf(c.Resource, c.Issuer, c.Audience, c.Tokens, c.RequiredScopes, c.Authentication, c.Revocation)}
	for _, s := range c.Scopes {
		s.Description = ""
		needs["scope "+s.Name] = digestOf(s)
	}
	for _, t := range c.Tools {
		needs["tool "+t.Name] = digestOf(t.Scopes, t.Authentication)
	}
	return needs
}

// judgesOtherwise tells whether somebody whom the first let in may have to be kept out by
// the second. What is only added keeps nobody out.
func judgesOtherwise(before, after digests) bool {
	for name, digest := range before {
		if after[name] != digest {
			return true
		}
	}
	return false
}

func digestOf(values ...any) [sha256.Size]byte {
	raw, err := json.Marshal(values)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return sha256.Sum256(raw)
}
