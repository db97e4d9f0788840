package oauthtest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// Client authentication methods (RFC 7591 section 2).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
)

// authenticate finds out which client sent the request and, when it has a
// secret, that it knows it (RFC 6749 section 2.3.1).
func (h *Handler) authenticate(r *http.Request, form url.Values) (Client, error) {
	id, secret, err := credentials(r, form)
	if err != nil {
		return Client{}, err
	}
	client, err := h.findClient(r.Context(), id)
	if err != nil {
		return Client{}, err
	}
	if subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1 {
		return Client{}, oauthErrorf(errInvalidClient, "client %q: the secret is missing or wrong", id)
	}
	return client, nil
}

func credentials(r *http.Request, form url.Values) (id, secret string, err error) {
	user, password, basic := r.BasicAuth()
	if !basic {
		if !form.Has("client_id") {
			return "", "", oauthErrorf(errInvalidClient, "want client_id, or an Authorization header with Basic")
		}
		return form.Get("client_id"), form.Get("client_secret"), nil
	}
	if form.Has("client_secret") {
		return "", "", oauthErrorf(errInvalidRequest, "two client secrets, in the header and in the body; want one")
	}
	id, errID := url.QueryUnescape(user)
	secret, errSecret := url.QueryUnescape(password)
	if errID != nil || errSecret != nil {
		return "", "", oauthErrorf(errInvalidClient, "the Basic credentials are not form-encoded (RFC 6749 section 2.3.1)")
	}
	return id, secret, nil
}

// authenticateConfidential is authenticate for what public clients may not do.
func (h *Handler) authenticateConfidential(r *http.Request, form url.Values) (Client, error) {
	client, err := h.authenticate(r, form)
	if err == nil && client.Secret == "" {
		return Client{}, oauthErrorf(errUnauthorizedClient, "client %q has no secret; this needs a confidential client", client.ID)
	}
	return client, err
}
