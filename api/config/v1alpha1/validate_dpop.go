package v1alpha1

import (
	"slices"
	"strings"
)

func validateDPoP(c *RuntimeConfig, errs *FieldErrors) {
	checkEnum("tokens.dpop", c.Tokens.DPoP, []string{DPoPDisabled, DPoPOptional, DPoPRequired}, errs)
	checkEnum("tokens.dpopNonce", c.Tokens.DPoPNonce, []string{DPoPNonceDisabled, DPoPNonceRequired}, errs)
	if c.Tokens.DPoPNonce != DPoPNonceRequired {
		return
	}
	if !c.Tokens.DPoPEnabled() {
		errs.add("tokens.dpopNonce", "is for tokens.dpop %s or %s only", DPoPOptional, DPoPRequired)
	}
	// With replicas that do not know each other's nonces, and there are two during
	// every update, a client would be told to try again and again.
	if c.RateLimit == nil || c.RateLimit.Redis == nil {
		errs.add("tokens.dpopNonce", "%s needs rateLimit.redis, through which replicas share what nonces are made with", DPoPNonceRequired)
	}
}

func checkEnum(path, value string, allowed []string, errs *FieldErrors) {
	if value != "" && !slices.Contains(allowed, value) {
		errs.add(path, "%q: want one of %s", value, strings.Join(allowed, ", "))
	}
}
