package authserver

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// clientMetadata is what a client says about itself (RFC 7591 section 2), when
// it registers or in its Client ID Metadata Document.
type clientMetadata struct {
	ClientID                string   `json:"client_id,omitempty"`
	ClientSecret            string   `json:"client_secret,omitempty"`
	ClientSecretExpiresAt   *int64   `json:"client_secret_expires_at,omitempty"`
	ClientIDIssuedAt        int64    `json:"client_id_issued_at,omitempty"`
	RedirectURIs            []string `json:"redirect_uris,omitempty"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes              []string `json:"grant_types,omitempty"`
	ResponseTypes           []string `json:"response_types,omitempty"`
	ClientName              string   `json:"client_name,omitempty"`
	ApplicationType         string   `json:"application_type,omitempty"`
	Scope                   string   `json:"scope,omitempty"`
}

// serveRegister is dynamic client registration (RFC 7591 section 3), open to
// everyone.
func (h *Handler) serveRegister(w http.ResponseWriter, r *http.Request) {
	var metadata clientMetadata
	body := http.MaxBytesReader(w, r.Body, maxRequestBytes)
	if err := json.NewDecoder(body).Decode(&metadata); err != nil {
		writeError(w, oauthErrorf(errInvalidMetadata, "decoding the client metadata: %v", err))
		return
	}
	if err := metadata.complete(); err != nil {
		writeError(w, err)
		return
	}
	h.register(&metadata)
	writeJSON(w, http.StatusCreated, metadata)
}

// register gives the client its credentials.
func (h *Handler) register(m *clientMetadata) {
	m.ClientID, m.ClientSecret = rand.Text(), ""
	m.ClientIDIssuedAt = h.config.Now().Unix()
	if m.TokenEndpointAuthMethod != authNone {
		m.ClientSecret, m.ClientSecretExpiresAt = rand.Text(), new(int64) // 0: never
	}
	h.clients.add(m.client())
}

// complete checks the metadata and fills the defaults of RFC 7591 section 2 in.
func (m *clientMetadata) complete() error {
	if m.TokenEndpointAuthMethod == "" {
		m.TokenEndpointAuthMethod = authBasic
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{grantCode}
	}
	if len(m.ResponseTypes) == 0 {
		m.ResponseTypes = []string{"code"}
	}
	return m.check()
}

func (m *clientMetadata) check() error {
	methods := []string{authBasic, authPost, authNone}
	if !slices.Contains(methods, m.TokenEndpointAuthMethod) {
		return oauthErrorf(errInvalidMetadata, "token_endpoint_auth_method %q: want one of %s", m.TokenEndpointAuthMethod, strings.Join(methods, ", "))
	}
	for _, name := range m.GrantTypes {
		if !slices.Contains(grantTypes(), name) {
			return oauthErrorf(errInvalidMetadata, "grant type %q: want one of %s", name, strings.Join(grantTypes(), ", "))
		}
	}
	if slices.Contains(m.GrantTypes, grantCode) && len(m.RedirectURIs) == 0 {
		return oauthErrorf(errInvalidRedirectURI, "redirect_uris: want at least one for %s", grantCode)
	}
	for _, uri := range m.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			return err
		}
	}
	return nil
}

// checkRedirectURI accepts https, http on loopback hosts, and the private-use
// schemes of native applications (RFC 8252 section 7), never one that a browser
// would run or read.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || !u.IsAbs() || strings.Contains(uri, "#") {
		return oauthErrorf(errInvalidRedirectURI, "redirect URI %q: want an absolute URI without fragment", uri)
	}
	switch u.Scheme {
	case "http":
		if !isLoopback(u) {
			return oauthErrorf(errInvalidRedirectURI, "redirect URI %q: http is for loopback hosts only", uri)
		}
	case "javascript", "data", "vbscript", "file", "about", "blob":
		return oauthErrorf(errInvalidRedirectURI, "redirect URI %q: want https, http on a loopback host, or an application's own scheme", uri)
	}
	return nil
}

func (m *clientMetadata) client() Client {
	return Client{ID: m.ClientID, Secret: m.ClientSecret, Name: m.ClientName, RedirectURIs: m.RedirectURIs}
}
