package render

import (
	"cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

func limitsOf(in *v1alpha1.Limits) config.Limits {
	return config.Limits{
		RequestBytes:       cmp.Or(in.RequestBytes, config.DefaultRequestBytes),
		ResponseBytes:      cmp.Or(in.ResponseBytes, config.DefaultResponseBytes),
		ConcurrentRequests: cmp.Or(int(in.ConcurrentRequests), config.DefaultConcurrentRequests),
	}
}

func rateLimitOf(in *v1alpha1.RateLimit) *config.RateLimit {
	if in == nil {
		return nil
	}
	return &config.RateLimit{
		Requests:      int(in.Requests),
		PeriodSeconds: cmp.Or(int(in.PeriodSeconds), config.DefaultRatePeriodSeconds),
		Burst:         int(cmp.Or(in.Burst, in.Requests)),
		Redis:         redisOf(in.Redis),
	}
}

func redisOf(in *v1alpha1.Redis) *config.Redis {
	if in == nil {
		return nil
	}
	return &config.Redis{
		Address:      in.Address,
		TLS:          in.TLS == v1alpha1.RedisTLSRequired,
		CABundleFile: redisCA(in.CABundleRef).file(),
		PasswordFile: redisPassword(in.PasswordRef).file(),
	}
}
