package authserver

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name of RFC 8693, no credential
	tokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"          //nolint:gosec // as above
)

// exchangeToken is the token exchange grant (RFC 8693): a confidential client
// turns a token of ours into one for another audience. The subject stays, and
// the client becomes the actor.
func (h *Handler) exchangeToken(r *http.Request, form url.Values) (tokenResponse, error) {
	g, err := h.askedByClient(r, form)
	if err != nil {
		return tokenResponse{}, err
	}
	subject, err := h.subjectToken(form)
	if err != nil {
		return tokenResponse{}, err
	}
	g.subject, g.scopes = stringClaim(subject, "sub"), h.exchangedScopes(g.client, subject, form)
	g.audiences, g.actor = form["audience"], actor(g.client, subject)
	response, err := h.issue(g)
	response.IssuedTokenType = tokenTypeAccess
	return response, err
}

func (h *Handler) subjectToken(form url.Values) (Claims, error) {
	if kind := form.Get("subject_token_type"); kind != tokenTypeAccess && kind != tokenTypeJWT {
		return nil, oauthErrorf(errInvalidRequest, "subject_token_type %q: want %s or %s", kind, tokenTypeAccess, tokenTypeJWT)
	}
	if kind := form.Get("requested_token_type"); kind != "" && kind != tokenTypeAccess && kind != tokenTypeJWT {
		return nil, oauthErrorf(errInvalidRequest, "requested_token_type %q: want %s or %s", kind, tokenTypeAccess, tokenTypeJWT)
	}
	claims, ok := h.tokens.get(form.Get("subject_token"), h.config.Now())
	if !ok {
		return nil, oauthErrorf(errInvalidRequest, "subject_token is not an active token of this server")
	}
	return claims, nil
}

// exchangedScopes are those asked for; the other audience's scopes need not be
// ours. Without any they stay as they were.
func (h *Handler) exchangedScopes(client Client, subject Claims, form url.Values) []string {
	if form.Get("scope") == "" {
		return strings.Fields(stringClaim(subject, "scope"))
	}
	return h.grantable(client, form)
}

// actor names client, with those who acted before it inside (RFC 8693 section
// 4.1).
func actor(client Client, subject Claims) map[string]any {
	act := map[string]any{"sub": client.ID}
	if previous, ok := subject["act"]; ok {
		act["act"] = previous
	}
	return act
}

func stringClaim(claims Claims, name string) string {
	value, _ := claims[name].(string)
	return value
}
