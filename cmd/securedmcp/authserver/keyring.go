package authserver

import (
	"net/http"
	"slices"
	"sync"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

// keyring holds the published keys and the one that signs, which need not be
// published.
type keyring struct {
	mu        sync.Mutex
	published []*Key
	signing   *Key
}

// Rotate makes a new key, publishes it beside the others and signs with it from
// now on. Retire the old one with Unpublish.
func (h *Handler) Rotate(algorithm jwa.SignatureAlgorithm) (*Key, error) {
	key, err := NewKey(algorithm)
	if err != nil {
		return nil, err
	}
	h.Publish(key)
	h.SignWith(key)
	return key, nil
}

// Publish adds key to the key set.
func (h *Handler) Publish(key *Key) {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	h.keys.published = append(h.keys.published, key)
}

// Unpublish removes key from the key set. It can still sign.
func (h *Handler) Unpublish(key *Key) {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	h.keys.published = slices.DeleteFunc(h.keys.published, func(k *Key) bool { return k == key })
}

// SignWith makes key sign every token from now on, published or not.
func (h *Handler) SignWith(key *Key) {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	h.keys.signing = key
}

// SigningKey is the key that signs tokens.
func (h *Handler) SigningKey() *Key {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	return h.keys.signing
}

// PublishedKeys are the keys in the key set, oldest first.
func (h *Handler) PublishedKeys() []*Key {
	h.keys.mu.Lock()
	defer h.keys.mu.Unlock()
	return slices.Clone(h.keys.published)
}

func (h *Handler) serveJWKS(w http.ResponseWriter, _ *http.Request) {
	keys := []map[string]any{}
	for _, key := range h.PublishedKeys() {
		keys = append(keys, key.JWK())
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

func (k *keyring) algorithms() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for _, key := range k.published {
		names = append(names, key.Algorithm.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
