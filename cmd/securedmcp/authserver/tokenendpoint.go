package authserver

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// grantType answers a token request of one grant type.
type grantType func(h *Handler, r *http.Request, form url.Values) (tokenResponse, error)

const (
	grantCode        = "authorization_code"
	grantRefresh     = "refresh_token"
	grantCredentials = "client_credentials"
	grantExchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// grantHandlers is a function because a variable would be a cycle of
// initialization: the metadata, too, is made from it.
func grantHandlers() map[string]grantType {
	return map[string]grantType{
		grantCode:        (*Handler).redeemCode,
		grantRefresh:     (*Handler).refreshToken,
		grantCredentials: (*Handler).clientCredentials,
		grantExchange:    (*Handler).exchangeToken,
	}
}

func grantTypes() []string { return slices.Sorted(maps.Keys(grantHandlers())) }

func (h *Handler) serveToken(w http.ResponseWriter, r *http.Request) {
	response, err := h.answerTokenRequest(w, r)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

func (h *Handler) answerTokenRequest(w http.ResponseWriter, r *http.Request) (tokenResponse, error) {
	form, err := parseForm(w, r)
	if err != nil {
		return tokenResponse{}, err
	}
	answer, ok := grantHandlers()[form.Get("grant_type")]
	if !ok {
		return tokenResponse{}, oauthErrorf(errUnsupportedGrant, "grant_type %q: want one of %s", form.Get("grant_type"), strings.Join(grantTypes(), ", "))
	}
	return answer(h, r, form)
}

// narrow returns what was asked of what was granted, or all of it when nothing
// in particular was asked. Asking for more is an error with code.
func narrow(asked, granted []string, code, what string) ([]string, error) {
	if len(asked) == 0 {
		return granted, nil
	}
	for _, value := range asked {
		if !slices.Contains(granted, value) {
			return nil, oauthErrorf(code, "%s %q was not granted; granted: %s", what, value, strings.Join(granted, " "))
		}
	}
	return asked, nil
}
