package v1alpha1

import (
	"errors"
	"strings"
	"testing"
)

// What would be ignored is refused: nobody may believe that it is enforced.
func TestValidateOfTokens(t *testing.T) {
	opaque := func(c *RuntimeConfig) {
		c.Tokens = Tokens{Type: TokenOpaque, Introspection: &Introspection{ClientID: "mcp", ClientSecretFile: "/secret"}}
	}
	for name, tc := range map[string]struct {
		spoil      func(*RuntimeConfig)
		path, want string
	}{
		"an unknown type":                {func(c *RuntimeConfig) { c.Tokens.Type = "PASETO" }, "tokens.type", "want JWT or Opaque"},
		"opaque tokens and nobody asked": {func(c *RuntimeConfig) { c.Tokens.Type = TokenOpaque }, "tokens.introspection", "required for opaque"},
		"introspection of JWTs":          {func(c *RuntimeConfig) { opaque(c); c.Tokens.Type = TokenJWT }, "tokens.introspection", "Opaque only"},
		"keys for opaque tokens":         {func(c *RuntimeConfig) { opaque(c); c.Tokens.JWKSURI = "https://a/jwks" }, "tokens.jwksURI", "JWT only"},
		"keys that are stale at once":    {func(c *RuntimeConfig) { c.Tokens.StaleKeysSeconds = -1 }, "tokens.staleKeysSeconds", "want 600 to 604800"},
		"keys that are stale too soon":   {func(c *RuntimeConfig) { c.Tokens.StaleKeysSeconds = 599 }, "tokens.staleKeysSeconds", "want 600 to 604800"},
		"keys that live for ever":        {func(c *RuntimeConfig) { c.Tokens.StaleKeysSeconds = 604_801 }, "tokens.staleKeysSeconds", "want 600 to 604800"},
		"keys at a relative URI":         {func(c *RuntimeConfig) { c.Tokens.JWKSURI = "/jwks" }, "tokens.jwksURI", "not an absolute URI"},
		"no algorithm at all":            {func(c *RuntimeConfig) { c.Tokens.Algorithms = []string{"none"} }, "tokens.algorithms[0]", "ES256"},
		"logins that no one can meet": {
			func(c *RuntimeConfig) {
				c.Authentication = &Authentication{ACRValues: []string{"urn:pwd", "urn:mfa"}}
				c.Tools[0].Authentication = &Authentication{ACRValues: []string{"urn:hwk"}}
			},
			"tools[0].authentication.acrValues", "want at least one of urn:pwd, urn:mfa",
		},
		"an unknown client authentication": {
			func(c *RuntimeConfig) { opaque(c); c.Tokens.Introspection.ClientAuth = "none" }, "tokens.introspection.clientAuth", "private_key_jwt",
		},
		"certificates for a store without TLS": {
			func(c *RuntimeConfig) {
				c.RateLimit = &RateLimit{Requests: 1, Redis: &Redis{Address: "redis:6379", CABundleFile: "/ca"}}
			},
			"rateLimit.redis.caBundleFile", "TLS only",
		},
		"a burst that is owed for years": {
			func(c *RuntimeConfig) {
				c.RateLimit = &RateLimit{Requests: 1, PeriodSeconds: 86400, Burst: 1000}
			},
			"rateLimit.burst", "want less",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := sample()
			tc.spoil(c)
			var errs FieldErrors
			if err := c.Validate(); !errors.As(err, &errs) {
				t.Fatalf("error %v, want FieldErrors", err)
			}
			if errs[0].Path != tc.path || !strings.Contains(errs[0].Detail, tc.want) {
				t.Errorf("%v; want %s with %q", errs, tc.path, tc.want)
			}
		})
	}
	c := sample()
	if opaque(c); c.Validate() != nil {
		t.Errorf("opaque tokens: %v", c.Validate())
	}
	c.Authentication = &Authentication{ACRValues: []string{"urn:pwd", "urn:mfa"}}
	c.Tools[0].Authentication = &Authentication{ACRValues: []string{"urn:hwk", "urn:mfa"}}
	if c.Validate() != nil {
		t.Errorf("requirements with something in common: %v", c.Validate())
	}
	if c.Tokens.Algorithms, c.Tokens.StaleKeysSeconds = []string{"ES256"}, 600; c.Validate() != nil {
		t.Errorf("opaque tokens of an issuer that signs its answers: %v", c.Validate())
	}
}
