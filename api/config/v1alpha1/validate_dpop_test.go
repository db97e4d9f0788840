package v1alpha1

import (
	"errors"
	"strings"
	"testing"
)

func withRedis(c *RuntimeConfig) {
	c.RateLimit = &RateLimit{Requests: 1, Redis: &Redis{Address: "redis:6379"}}
}

func TestDPoPThatIsValid(t *testing.T) {
	for name, change := range map[string]func(*RuntimeConfig){
		"disabled": func(c *RuntimeConfig) { c.Tokens.DPoP, c.Tokens.DPoPNonce = DPoPDisabled, DPoPNonceDisabled },
		"optional": func(c *RuntimeConfig) { c.Tokens.DPoP = DPoPOptional },
		"required": func(c *RuntimeConfig) { c.Tokens.DPoP = DPoPRequired },
		"optional with nonces": func(c *RuntimeConfig) {
			c.Tokens.DPoP, c.Tokens.DPoPNonce = DPoPOptional, DPoPNonceRequired
			withRedis(c)
		},
		"required with nonces": func(c *RuntimeConfig) {
			c.Tokens.DPoP, c.Tokens.DPoPNonce = DPoPRequired, DPoPNonceRequired
			withRedis(c)
		},
		"required with a memory": func(c *RuntimeConfig) { c.Tokens.DPoP = DPoPRequired; withRedis(c) },
	} {
		t.Run(name, func(t *testing.T) {
			c := sample()
			change(c)
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDPoPThatIsNot(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil      func(*RuntimeConfig)
		path, want string
	}{
		"another word":            {func(c *RuntimeConfig) { c.Tokens.DPoP = "required" }, "tokens.dpop", "Disabled, Optional, Required"},
		"another word for nonces": {func(c *RuntimeConfig) { c.Tokens.DPoPNonce = "Optional" }, "tokens.dpopNonce", "Disabled, Required"},
		"nonces without DPoP": {
			func(c *RuntimeConfig) { c.Tokens.DPoPNonce = DPoPNonceRequired; withRedis(c) }, "tokens.dpopNonce", "Optional or Required only",
		},
		"nonces that are not shared": {
			func(c *RuntimeConfig) { c.Tokens.DPoP, c.Tokens.DPoPNonce = DPoPRequired, DPoPNonceRequired }, "tokens.dpopNonce", "needs rateLimit.redis",
		},
		"nonces that are not shared, with a limit": {
			func(c *RuntimeConfig) {
				c.Tokens.DPoP, c.Tokens.DPoPNonce, c.RateLimit = DPoPRequired, DPoPNonceRequired, &RateLimit{Requests: 1}
			}, "tokens.dpopNonce", "needs rateLimit.redis",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := sample()
			tc.spoil(c)
			var errs FieldErrors
			if err := c.Validate(); !errors.As(err, &errs) || len(errs) != 1 {
				t.Fatalf("error %v, want one FieldError", err)
			}
			if errs[0].Path != tc.path || !strings.Contains(errs[0].Detail, tc.want) {
				t.Errorf("%v; want %s with %q", errs, tc.path, tc.want)
			}
		})
	}
}
