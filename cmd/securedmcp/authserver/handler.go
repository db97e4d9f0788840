package authserver

import (
	"net/http"
	"net/url"
	"sync"
)

// Handler is the authorization server. All methods are safe for concurrent use.
type Handler struct {
	config Config
	issuer *url.URL
	routes map[string]route
	keys   keyring

	clients  clients
	consents expiring[authorizationRequest] // by the ticket in the page's form
	codes    expiring[authorization]        // by code
	redeemed expiring[tokenResponse]        // by code: what a replay revokes
	refresh  expiring[grant]                // by refresh token
	tokens   expiring[Claims]               // by access token
	proofs   expiring[struct{}]             // by the jti of a DPoP proof
	// assertions are those that clients authenticated with, by client and jti.
	assertions expiring[struct{}]

	mu       sync.Mutex
	counts   map[Endpoint]int
	faults   map[Endpoint]*Fault
	metadata map[string]any
	signed   *signedAnswers // nil: introspection answers plain JSON
}

// NewHandler returns an authorization server for config. It serves the paths
// under the issuer's, and the well-known paths, of whatever host it is mounted
// on.
func NewHandler(config Config) (*Handler, error) {
	config, issuer, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Handler{
		config:   config,
		issuer:   issuer,
		counts:   map[Endpoint]int{},
		faults:   map[Endpoint]*Fault{},
		metadata: map[string]any{},
	}
	h.routes = h.buildRoutes()
	h.clients.add(config.Clients...)
	if _, err := h.Rotate(config.Algorithm); err != nil {
		return nil, err
	}
	return h, nil
}

// Issuer is the issuer identifier, byte for byte as configured.
func (h *Handler) Issuer() string { return h.config.Issuer }

// ServeHTTP counts the request, applies the endpoint's fault if there is one,
// and answers.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, ok := h.routes[r.URL.Path]
	if !ok {
		h.count(EndpointUnknown)
		http.NotFound(w, r)
		return
	}
	h.count(route.endpoint)
	serve := http.Handler(allowMethods(route))
	if fault := h.takeFault(route.endpoint); fault != nil {
		serve = fault.wrap(serve)
	}
	serve.ServeHTTP(w, r)
}

// Count is the number of requests that endpoint has received.
func (h *Handler) Count(endpoint Endpoint) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts[endpoint]
}

// ResetCounts makes every Count 0.
func (h *Handler) ResetCounts() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.counts)
}

func (h *Handler) count(endpoint Endpoint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[endpoint]++
}
