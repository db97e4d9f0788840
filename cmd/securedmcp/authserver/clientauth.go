package authserver

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// Client authentication methods (RFC 7591 section 2).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
	authNone  = "none"
)

// assertionType says that an assertion is a JWT (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// credentials are what a client authenticates with, and how.
type credentials struct {
	method, id, secret, assertion string
}

// authenticate finds out which client sent the request and, when it has a
// secret or a key, that it knows it (RFC 6749 section 2.3.1, RFC 7523).
func (h *Handler) authenticate(r *http.Request, form url.Values) (Client, error) {
	c, err := readCredentials(r, form)
	if err != nil {
		return Client{}, err
	}
	client, err := h.findClient(r.Context(), c.id)
	if err != nil {
		return Client{}, err
	}
	if client.AuthMethod != "" && client.AuthMethod != c.method {
		return Client{}, oauthErrorf(errInvalidClient, "client %q authenticates by %s; want %s", client.ID, c.method, client.AuthMethod)
	}
	if client.Key != nil && c.assertion != "" {
		return client, h.checkAssertion(client, c.assertion)
	}
	if client.Key != nil && client.Secret == "" || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(c.secret)) != 1 {
		return Client{}, oauthErrorf(errInvalidClient, "client %q: the secret is missing or wrong", c.id)
	}
	return client, nil
}

func readCredentials(r *http.Request, form url.Values) (credentials, error) {
	user, password, basic := r.BasicAuth()
	if basic {
		return basicCredentials(user, password, form)
	}
	if !form.Has("client_id") {
		return credentials{}, oauthErrorf(errInvalidClient, "want client_id, or an Authorization header with Basic")
	}
	c := credentials{method: authNone, id: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion")}
	switch {
	case c.secret != "" && c.assertion != "":
		return c, oauthErrorf(errInvalidRequest, "a client secret and an assertion; want one")
	case c.secret != "":
		c.method = authPost
	case c.assertion != "" && form.Get("client_assertion_type") != assertionType:
		return c, oauthErrorf(errInvalidRequest, "client_assertion_type %q: want %s", form.Get("client_assertion_type"), assertionType)
	case c.assertion != "":
		c.method = authKey
	}
	return c, nil
}

func basicCredentials(user, password string, form url.Values) (credentials, error) {
	if form.Has("client_secret") {
		return credentials{}, oauthErrorf(errInvalidRequest, "two client secrets, in the header and in the body; want one")
	}
	id, errID := url.QueryUnescape(user)
	secret, errSecret := url.QueryUnescape(password)
	if errID != nil || errSecret != nil {
		return credentials{}, oauthErrorf(errInvalidClient, "the Basic credentials are not form-encoded (RFC 6749 section 2.3.1)")
	}
	return credentials{method: authBasic, id: id, secret: secret}, nil
}

// authenticateConfidential is authenticate for what public clients may not do.
func (h *Handler) authenticateConfidential(r *http.Request, form url.Values) (Client, error) {
	client, err := h.authenticate(r, form)
	if err == nil && client.Secret == "" && client.Key == nil {
		return Client{}, oauthErrorf(errUnauthorizedClient, "client %q has no secret and no key; this needs a confidential client", client.ID)
	}
	return client, err
}
