package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/sharedstore"
)

// store is what replicas share, as one configuration uses it. All of it is nil
// where there is none.
type store struct {
	client *redis.Client
	// rate and proofs, nil without DPoP, know whether it answers: not everything
	// may be allowed to this server there.
	rate, proofs *sharedstore.Breaker
}

// newStore asks the store once, so that it is known from the start whether it
// answers.
func (b *builder) newStore(ctx context.Context, c *config.RuntimeConfig, files map[string][]byte, held *closers) (s store, err error) {
	if c.RateLimit == nil || c.RateLimit.Redis == nil {
		return s, nil
	}
	if s.client, err = newStoreClient(c.RateLimit.Redis, files); err != nil {
		return s, err
	}
	held.add(func() { _ = s.client.Close() })
	ping := func(ctx context.Context) error { return s.client.Ping(ctx).Err() }
	s.rate = sharedstore.NewBreaker(b.options.StoreTimeout, b.reportRate)
	_ = s.rate.Do(ctx, ping)
	if c.Tokens.DPoPEnabled() {
		s.proofs = sharedstore.NewBreaker(b.options.StoreTimeout, b.reportProofs)
		_ = s.proofs.Do(ctx, ping)
	}
	return s, nil
}

func (b *builder) reportRate(err error) {
	if err != nil {
		b.options.Logger.Warn("the shared rate limit store does not answer; each replica limits on its own", "error", err)
		return
	}
	b.options.Logger.Info("the shared rate limit store answers again")
}

func (b *builder) reportProofs(err error) {
	if err != nil {
		b.options.Logger.Warn("the shared store does not answer; each replica remembers DPoP proofs on its own", "error", err)
		return
	}
	b.options.Logger.Info("the shared store answers again; replicas share the memory of DPoP proofs")
}

func newStoreClient(r *config.Redis, files map[string][]byte) (*redis.Client, error) {
	options := &redis.Options{
		Addr: r.Address, Password: strings.TrimRight(string(files[r.PasswordFile]), "\r\n"),
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
	}
	if r.TLS {
		roots, err := storeRoots(files[r.CABundleFile])
		if err != nil {
			return nil, err
		}
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	return redis.NewClient(options), nil
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
