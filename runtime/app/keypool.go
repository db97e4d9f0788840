package app

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/authn"
)

// keyPool lets configurations that trust the same issuer share its keys, so
// that a change of scopes does not depend on the issuer being up.
type keyPool struct {
	observer authn.KeysObserver
	logger   *slog.Logger
	now      func() time.Time

	mu      sync.Mutex
	entries map[keyPoolID]*keyPoolEntry
}

type keyPoolID struct {
	issuer   string
	jwksURI  string
	caBundle [sha256.Size]byte
}

type keyPoolEntry struct {
	keys  *authn.Keys
	users int
}

func newKeyPool(observer authn.KeysObserver, logger *slog.Logger, now func() time.Time) *keyPool {
	return &keyPool{observer: observer, logger: logger, now: now, entries: map[keyPoolID]*keyPoolEntry{}}
}

// acquire returns the issuer's keys, fetched at least once, and a function to
// call when they are needed no more.
func (p *keyPool) acquire(ctx context.Context, c *config.RuntimeConfig, caBundle []byte) (*authn.Keys, func(), error) {
	id := keyPoolID{issuer: c.Issuer, jwksURI: c.Tokens.JWKSURI, caBundle: sha256.Sum256(caBundle)}
	release := func() { p.release(id) }
	if keys := p.use(id, nil); keys != nil {
		return keys, release, nil
	}
	fetched, err := p.fetch(ctx, id, caBundle)
	if err != nil {
		return nil, nil, err
	}
	keys := p.use(id, fetched)
	if keys != fetched { // another came first: an issuer may begin to sign answers at any time
		fetched.Close()
	}
	return keys, release, nil
}

// use counts a user of the entry, which it makes of fetched if there is none.
func (p *keyPool) use(id keyPoolID, fetched *authn.Keys) *authn.Keys {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry := p.entries[id]
	if entry == nil {
		if fetched == nil {
			return nil
		}
		entry = &keyPoolEntry{keys: fetched}
		p.entries[id] = entry
	}
	entry.users++
	return entry.keys
}

func (p *keyPool) fetch(ctx context.Context, id keyPoolID, caBundle []byte) (*authn.Keys, error) {
	client, err := authn.NewClient(caBundle)
	if err != nil {
		return nil, err
	}
	return authn.NewKeys(ctx, authn.KeysConfig{
		Issuer: id.issuer, JWKSURI: id.jwksURI, Client: client, Now: p.now, Observer: p.observer, Logger: p.logger,
	})
}

// release closes keys that nobody uses any more. Closing waits for a fetch that
// is under way, so it happens outside of the lock.
func (p *keyPool) release(id keyPoolID) {
	if keys := p.leave(id); keys != nil {
		keys.Close()
	}
}

func (p *keyPool) leave(id keyPoolID) *authn.Keys {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry := p.entries[id]
	if entry.users--; entry.users > 0 {
		return nil
	}
	delete(p.entries, id)
	return entry.keys
}

// oldest returns the age in seconds of the oldest keys in use.
func (p *keyPool) oldest() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var age float64
	for _, entry := range p.entries {
		age = max(age, entry.keys.Age().Seconds())
	}
	return age
}
