package authserver

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// codeVerifier is RFC 7636 section 4.1.
var codeVerifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// redeemCode is the authorization_code grant (RFC 6749 section 4.1.3, RFC 7636
// section 4.6).
func (h *Handler) redeemCode(r *http.Request, form url.Values) (tokenResponse, error) {
	client, err := h.authenticate(r, form)
	if err != nil {
		return tokenResponse{}, err
	}
	boundTo, err := h.proofKey(r)
	if err != nil {
		return tokenResponse{}, err
	}
	code, now := form.Get("code"), h.config.Now()
	authorized, ok := h.codes.take(code, now)
	if !ok {
		h.revokeRedeemed(code, now)
		return tokenResponse{}, oauthErrorf(errInvalidGrant, "the code is unknown, used or expired")
	}
	if err := authorized.check(client, form); err != nil {
		return tokenResponse{}, err
	}
	response, err := h.issueForCode(authorized, boundTo, form)
	if err == nil {
		h.redeemed.put(code, response, now, now.Add(refreshLifetime))
	}
	return response, err
}

// check compares the token request with the authorization request. redirect_uri
// is compared when it is there: OAuth 2.1 no longer sends it.
func (a authorization) check(client Client, form url.Values) error {
	if client.ID != a.client.ID {
		return oauthErrorf(errInvalidGrant, "the code was issued to another client")
	}
	if form.Has("redirect_uri") && form.Get("redirect_uri") != a.redirectURI {
		return oauthErrorf(errInvalidGrant, "redirect_uri %q differs from the authorization request's %q", form.Get("redirect_uri"), a.redirectURI)
	}
	verifier := form.Get("code_verifier")
	if !codeVerifier.MatchString(verifier) {
		return oauthErrorf(errInvalidGrant, "code_verifier: want 43 to 128 unreserved characters (RFC 7636 section 4.1)")
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(encodeSegment(sum[:])), []byte(a.challenge)) != 1 {
		return oauthErrorf(errInvalidGrant, "code_verifier does not match code_challenge")
	}
	return nil
}

func (h *Handler) issueForCode(a authorization, boundTo string, form url.Values) (tokenResponse, error) {
	whole := grant{client: a.client, subject: a.subject, scopes: a.scopes, resources: a.resources, authTime: a.at, boundTo: boundTo}
	issued := whole
	resources, err := h.parseResources(form)
	if err != nil {
		return tokenResponse{}, err
	}
	// A resource may be named at the token endpoint alone (RFC 8707 section 2.2).
	if len(a.resources) == 0 {
		whole.resources, issued.resources = resources, resources
	} else if issued.resources, err = narrow(resources, a.resources, errInvalidTarget, "resource"); err != nil {
		return tokenResponse{}, err
	}
	response, err := h.issueRefreshable(issued, whole)
	if err != nil {
		return tokenResponse{}, err
	}
	response.IDToken, err = h.idToken(a)
	return response, err
}

// revokeRedeemed revokes what a code was redeemed for when it is used again
// (RFC 6749 section 4.1.2).
func (h *Handler) revokeRedeemed(code string, now time.Time) {
	response, ok := h.redeemed.take(code, now)
	if !ok {
		return
	}
	h.tokens.drop(response.AccessToken)
	h.refresh.drop(response.RefreshToken)
}
