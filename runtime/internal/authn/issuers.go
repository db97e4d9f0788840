package authn

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// metadataLifetime is how long metadata is believed without being fetched again.
const metadataLifetime = time.Hour

// Issuers remembers the metadata of issuers whose tokens are introspected, from
// one configuration to the next: a revocation must come into force while the
// issuer is down. The zero value is ready for use.
type Issuers struct {
	mu    sync.Mutex
	known map[issuerID]discovered
}

// issuerID is an issuer, and who vouches for it.
type issuerID struct {
	issuer   string
	caBundle [sha256.Size]byte
}

type discovered struct {
	metadata *metadata
	at       time.Time
}

// introspection returns metadata with an introspection endpoint: what is known
// if it is fresh, and otherwise what the issuer says, or, if it says nothing,
// what is known.
func (i *Issuers) introspection(ctx context.Context, client *http.Client, issuer string, caBundle []byte) (*metadata, error) {
	id := issuerID{issuer, sha256.Sum256(caBundle)}
	before, ok := i.get(id)
	if ok && time.Since(before.at) < metadataLifetime {
		return before.metadata, nil
	}
	md, err := i.rediscover(ctx, client, issuer, caBundle)
	if err != nil && ok {
		return before.metadata, nil
	}
	return md, err
}

// rediscover returns what the issuer says now.
func (i *Issuers) rediscover(ctx context.Context, client *http.Client, issuer string, caBundle []byte) (*metadata, error) {
	md, err := discoverFor(ctx, client, issuer, func(m *metadata) error {
		return config.CheckIssuerURL("introspection_endpoint", m.IntrospectionEndpoint, issuer)
	})
	if err != nil {
		return nil, err
	}
	i.put(issuerID{issuer, sha256.Sum256(caBundle)}, md)
	return md, nil
}

func (i *Issuers) get(id issuerID) (discovered, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	d, ok := i.known[id]
	return d, ok
}

func (i *Issuers) put(id issuerID, md *metadata) {
	i.mu.Lock()
	defer i.mu.Unlock()
	const most = 16 // a process has one issuer, and now and then another
	if i.known == nil || len(i.known) >= most {
		i.known = map[issuerID]discovered{}
	}
	i.known[id] = discovered{md, time.Now()}
}
