package authserver

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
)

// clients are the clients that were configured or have registered.
type clients struct {
	mu   sync.Mutex
	byID map[string]Client
}

func (c *clients) add(clients ...Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[string]Client{}
	}
	for _, client := range clients {
		c.byID[client.ID] = client
	}
}

func (c *clients) get(id string) (Client, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	client, ok := c.byID[id]
	return client, ok
}

// findClient looks id up among the known clients and, when id is a URL, in the
// document that it names.
func (h *Handler) findClient(ctx context.Context, id string) (Client, error) {
	if client, ok := h.clients.get(id); ok {
		return client, nil
	}
	if h.config.ClientMetadata != nil && strings.HasPrefix(id, "https://") {
		return h.fetchClient(ctx, id)
	}
	return Client{}, oauthErrorf(errInvalidClient, "client_id %q is not registered", id)
}

// allowsRedirect reports whether uri is registered. The port of a loopback
// redirect is the client's choice at run time (RFC 8252 section 7.3).
func (c Client) allowsRedirect(uri string) bool {
	for _, registered := range c.RedirectURIs {
		if uri == registered || sameLoopback(uri, registered) {
			return true
		}
	}
	return false
}

func sameLoopback(a, b string) bool {
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	if errA != nil || errB != nil || !isLoopback(ua) || !isLoopback(ub) {
		return false
	}
	ua.Host, ub.Host = ua.Hostname(), ub.Hostname()
	return ua.String() == ub.String()
}

func isLoopback(u *url.URL) bool {
	if u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
