package authserver

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// codeLifetime is the most that RFC 6749 section 4.1.2 recommends.
const codeLifetime = 10 * time.Minute

// authorizationRequest is a checked request to the authorization endpoint.
type authorizationRequest struct {
	client      Client
	redirectURI string
	state       string
	challenge   string
	nonce       string
	scopes      []string
	resources   []string
}

// authorization is what a code stands for.
type authorization struct {
	authorizationRequest
	subject string
	at      time.Time
}

// s256Challenge is an unpadded base64url SHA-256 (RFC 7636 section 4.2).
var s256Challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func (h *Handler) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	form, err := parseForm(w, r)
	if err != nil {
		writeError(w, err)
		return
	}
	request, err := h.identify(r, form)
	if err != nil {
		writeError(w, err) // never redirect to an address nobody vouches for
		return
	}
	if err := h.completeRequest(request, form); err != nil {
		h.redirectError(w, r, *request, err)
		return
	}
	if h.config.AutoApprove != "" {
		h.approve(w, r, *request, h.config.AutoApprove)
		return
	}
	h.askConsent(w, *request)
}

// identify checks what a redirect depends on: the client and its redirect URI.
func (h *Handler) identify(r *http.Request, form url.Values) (*authorizationRequest, error) {
	client, err := h.findClient(r.Context(), form.Get("client_id"))
	if err != nil {
		return nil, err
	}
	uri := form.Get("redirect_uri")
	if uri == "" && len(client.RedirectURIs) == 1 {
		uri = client.RedirectURIs[0]
	}
	if !client.allowsRedirect(uri) {
		return nil, oauthErrorf(errInvalidRequest, "redirect_uri %q is not registered for client %q; registered: %q", uri, client.ID, client.RedirectURIs)
	}
	return &authorizationRequest{client: client, redirectURI: uri, state: form.Get("state"), nonce: form.Get("nonce")}, nil
}

// completeRequest checks the rest; its errors go to the client by redirect.
func (h *Handler) completeRequest(request *authorizationRequest, form url.Values) error {
	if form.Get("response_type") != "code" {
		return oauthErrorf(errUnsupportedType, "response_type %q: want code", form.Get("response_type"))
	}
	if form.Get("code_challenge_method") != "S256" {
		return oauthErrorf(errInvalidRequest, "code_challenge_method %q: want S256; PKCE is mandatory", form.Get("code_challenge_method"))
	}
	request.challenge = form.Get("code_challenge")
	if !s256Challenge.MatchString(request.challenge) {
		return oauthErrorf(errInvalidRequest, "code_challenge: want 43 characters of base64url (RFC 7636 section 4.2)")
	}
	resources, err := h.parseResources(form)
	request.resources, request.scopes = resources, h.grantable(request.client, form)
	return err
}

// approve sends the client a code for what subject has agreed to.
func (h *Handler) approve(w http.ResponseWriter, r *http.Request, request authorizationRequest, subject string) {
	code, now := rand.Text(), h.config.Now()
	h.codes.put(code, authorization{request, subject, now}, now, now.Add(codeLifetime))
	h.redirect(w, r, request, url.Values{"code": {code}})
}

func (h *Handler) redirectError(w http.ResponseWriter, r *http.Request, request authorizationRequest, err error) {
	var protocol *oauthError
	if !errors.As(err, &protocol) {
		writeError(w, err)
		return
	}
	h.redirect(w, r, request, url.Values{"error": {protocol.code}, "error_description": {protocol.description}})
}

// redirect sends the browser back to the client, with state and with the iss
// that keeps answers of different servers apart (RFC 9207).
func (h *Handler) redirect(w http.ResponseWriter, r *http.Request, request authorizationRequest, answer url.Values) {
	target, err := url.Parse(request.redirectURI)
	if err != nil {
		writeError(w, oauthErrorf(errInvalidRequest, "redirect_uri %q: %v", request.redirectURI, err))
		return
	}
	answer.Set("iss", h.config.Issuer)
	if request.state != "" {
		answer.Set("state", request.state)
	}
	query := target.Query()
	maps.Copy(query, answer)
	target.RawQuery = query.Encode()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}
