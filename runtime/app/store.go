package app

import (
	"crypto/tls"
	"strings"

	"github.com/redis/go-redis/v9"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// newStore returns a client of the store that replicas share, nil where none is
// configured. It connects when it is first needed.
func newStore(c *config.RuntimeConfig, files map[string][]byte, held *closers) *redis.Client {
	if c.RateLimit == nil || c.RateLimit.Redis == nil {
		return nil
	}
	r := c.RateLimit.Redis
	options := &redis.Options{Addr: r.Address, MaxRetries: -1, Password: strings.TrimRight(string(files[r.PasswordFile]), "\r\n")}
	if r.TLS {
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	client := redis.NewClient(options)
	held.add(func() { _ = client.Close() })
	return client
}
