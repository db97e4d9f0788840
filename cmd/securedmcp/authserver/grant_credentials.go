package authserver

import (
	"net/http"
	"net/url"
)

// clientCredentials is the client_credentials grant (RFC 6749 section 4.4); the
// client is its own subject (RFC 9068 section 2.2).
func (h *Handler) clientCredentials(r *http.Request, form url.Values) (tokenResponse, error) {
	client, err := h.authenticateConfidential(r, form)
	if err != nil {
		return tokenResponse{}, err
	}
	resources, err := h.parseResources(form)
	if err != nil {
		return tokenResponse{}, err
	}
	boundTo, err := h.proofKey(r)
	if err != nil {
		return tokenResponse{}, err
	}
	return h.issue(grant{
		client:    client,
		subject:   client.ID,
		scopes:    h.grantable(client, form),
		resources: resources,
		boundTo:   boundTo,
	})
}
