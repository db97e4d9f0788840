package v1alpha1

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"
)

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

func validateRateLimit(r *RateLimit, errs *FieldErrors) {
	if r == nil {
		return
	}
	const most = 1_000_000
	for _, limit := range []struct {
		name         string
		value, least int
	}{
		{"requests", r.Requests, 1},
		{"periodSeconds", r.PeriodSeconds, 0},
		{"burst", r.Burst, 0},
	} {
		if limit.value < limit.least || limit.value > most {
			errs.add("rateLimit."+limit.name, "%d: want %d to %d", limit.value, limit.least, most)
		}
	}
	// A burst is owed back one request at a time.
	const longest = 366 * 24 * 60 * 60
	if r.Requests > 0 && int64(r.Burst)*int64(cmp.Or(r.PeriodSeconds, DefaultRatePeriodSeconds)) > int64(r.Requests)*longest {
		errs.add("rateLimit.burst", "%d: at %d requests in %d seconds it takes more than a year to be granted again; want less", r.Burst, r.Requests, r.PeriodSeconds)
	}
	if r.Redis == nil {
		return
	}
	if host, port, err := net.SplitHostPort(r.Redis.Address); err != nil || host == "" || port == "" {
		errs.add("rateLimit.redis.address", "%q: want host:port, for example redis.cache.svc:6379", r.Redis.Address)
	}
	if r.Redis.CABundleFile != "" && !r.Redis.TLS {
		errs.add("rateLimit.redis.caBundleFile", "is for TLS only")
	}
}
