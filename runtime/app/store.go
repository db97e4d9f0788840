package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// newStore returns a client of the store that replicas share, nil where none is
// configured. It connects when it is first needed.
func newStore(c *config.RuntimeConfig, files map[string][]byte, held *closers) (*redis.Client, error) {
	if c.RateLimit == nil || c.RateLimit.Redis == nil {
		return nil, nil
	}
	r := c.RateLimit.Redis
	options := &redis.Options{Addr: r.Address, MaxRetries: -1, Password: strings.TrimRight(string(files[r.PasswordFile]), "\r\n")}
	if r.TLS {
		roots, err := storeRoots(files[r.CABundleFile])
		if err != nil {
			return nil, err
		}
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	client := redis.NewClient(options)
	held.add(func() { _ = client.Close() })
	return client, nil
}

// storeRoots returns nil, which means the system's, where no bundle is given.
func storeRoots(bundle []byte) (*x509.CertPool, error) {
	if bundle == nil {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, errors.New("rateLimit.redis.caBundleFile has no certificate in PEM")
	}
	return roots, nil
}
