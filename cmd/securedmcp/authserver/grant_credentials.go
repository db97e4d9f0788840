package authserver

import (
	"net/http"
	"net/url"
)

// clientCredentials is the client_credentials grant (RFC 6749 section 4.4); the
// client is its own subject (RFC 9068 section 2.2).
func (h *Handler) clientCredentials(r *http.Request, form url.Values) (tokenResponse, error) {
	g, err := h.askedByClient(r, form)
	if err != nil {
		return tokenResponse{}, err
	}
	g.subject, g.scopes = g.client.ID, h.grantable(g.client, form)
	return h.issue(g)
}

// askedByClient is what a confidential client asks for by itself, without a user:
// neither whom it is about nor the scopes are settled yet.
func (h *Handler) askedByClient(r *http.Request, form url.Values) (g grant, err error) {
	if g.client, err = h.authenticateConfidential(r, form); err != nil {
		return grant{}, err
	}
	if g.resources, err = h.parseResources(form); err != nil {
		return grant{}, err
	}
	g.boundTo, err = h.proofKey(r)
	return g, err
}
