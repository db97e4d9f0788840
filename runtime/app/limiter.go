package app

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/ratelimit"
)

// newLimiter returns nil where the rate is not limited. Replicas share the limit
// through store unless that is nil.
func newLimiter(c *config.RuntimeConfig, store *redis.Client, observer ratelimit.Observer, logger *slog.Logger) ratelimit.Limiter {
	if c.RateLimit == nil {
		return nil
	}
	rate := rateOf(c.RateLimit)
	if store == nil {
		return ratelimit.NewLocal(rate)
	}
	return ratelimit.NewShared(rate, c.Resource, store, observer, logger)
}

func rateOf(r *config.RateLimit) ratelimit.Rate {
	period := time.Duration(cmp.Or(r.PeriodSeconds, config.DefaultRatePeriodSeconds)) * time.Second
	return ratelimit.Rate{Interval: period / time.Duration(r.Requests), Burst: cmp.Or(r.Burst, r.Requests)}
}
