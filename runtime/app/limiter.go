package app

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/ratelimit"
)

const defaultRatePeriodSeconds = 60

// newLimiter returns nil where the rate is not limited.
func newLimiter(c *config.RuntimeConfig, files map[string][]byte, observer ratelimit.Observer, logger *slog.Logger, held *closers) ratelimit.Limiter {
	if c.RateLimit == nil {
		return nil
	}
	rate := rateOf(c.RateLimit)
	r := c.RateLimit.Redis
	if r == nil {
		return ratelimit.NewLocal(rate)
	}
	options := &redis.Options{Addr: r.Address, MaxRetries: -1, Password: strings.TrimRight(string(files[r.PasswordFile]), "\r\n")}
	if r.TLS {
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	client := redis.NewClient(options)
	held.add(func() { _ = client.Close() })
	return ratelimit.NewShared(rate, c.Resource, client, observer, logger)
}

func rateOf(r *config.RateLimit) ratelimit.Rate {
	period := time.Duration(cmp.Or(r.PeriodSeconds, defaultRatePeriodSeconds)) * time.Second
	return ratelimit.Rate{Interval: period / time.Duration(r.Requests), Burst: cmp.Or(r.Burst, r.Requests)}
}
