package authserver

import (
	"net/http"
	"net/url"
	"strings"
)

// refreshToken is the refresh_token grant (RFC 6749 section 6). Refresh tokens
// are single use: every answer brings the next one.
func (h *Handler) refreshToken(r *http.Request, form url.Values) (tokenResponse, error) {
	client, err := h.authenticate(r, form)
	if err != nil {
		return tokenResponse{}, err
	}
	now := h.config.Now()
	whole, ok := h.refresh.get(form.Get("refresh_token"), now)
	if !ok || whole.client.ID != client.ID {
		return tokenResponse{}, oauthErrorf(errInvalidGrant, "the refresh token is unknown, used, expired or another client's")
	}
	if whole, err = h.rebind(r, whole); err != nil {
		return tokenResponse{}, err
	}
	issued, err := narrowGrant(whole, form)
	if err != nil {
		return tokenResponse{}, err
	}
	if _, ok := h.refresh.take(form.Get("refresh_token"), now); !ok {
		return tokenResponse{}, oauthErrorf(errInvalidGrant, "the refresh token was used at the same time")
	}
	return h.issueRefreshable(issued, whole)
}

// rebind is g for the key that the request proves. The refresh token of a public
// client is bound to the key of the first proof (RFC 9449 section 5).
func (h *Handler) rebind(r *http.Request, g grant) (grant, error) {
	boundTo, err := h.proofKey(r)
	if err != nil {
		return g, err
	}
	if g.boundTo != "" && g.client.Secret == "" && boundTo != g.boundTo {
		return g, oauthErrorf(errInvalidGrant, "the refresh token is bound to another key")
	}
	g.boundTo = boundTo
	return g, nil
}

// narrowGrant is g with the scopes and resources that the client asks for now.
func narrowGrant(g grant, form url.Values) (grant, error) {
	scopes, err := narrow(strings.Fields(form.Get("scope")), g.scopes, errInvalidScope, "scope")
	if err != nil {
		return g, err
	}
	resources, err := narrow(form["resource"], g.resources, errInvalidTarget, "resource")
	g.scopes, g.resources = scopes, resources
	return g, err
}
