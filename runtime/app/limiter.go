package app

import (
	"cmp"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/ratelimit"
)

// newLimiter returns nil where the rate is not limited. Replicas share the limit
// through the store if there is one.
func (b *builder) newLimiter(c *config.RuntimeConfig, s store) ratelimit.Limiter {
	if c.RateLimit == nil {
		return nil
	}
	// A change of something else must not give everyone their allowance back.
	if rate := rateOf(c.RateLimit); b.rates == nil || b.rates.Rate() != rate {
		b.rates = ratelimit.NewLocal(rate)
	}
	if s.client == nil {
		return b.rates
	}
	return ratelimit.NewShared(c.Resource, s.client, b.rates, s.rate)
}

func rateOf(r *config.RateLimit) ratelimit.Rate {
	period := time.Duration(cmp.Or(r.PeriodSeconds, config.DefaultRatePeriodSeconds)) * time.Second
	return ratelimit.Rate{Interval: period / time.Duration(r.Requests), Burst: burstOf(r)}
}

// burstOf returns how many requests are allowed at once, 0 where nothing is limited.
func burstOf(r *config.RateLimit) int {
	if r == nil {
		return 0
	}
	return cmp.Or(r.Burst, r.Requests)
}
