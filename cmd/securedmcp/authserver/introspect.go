package authserver

import (
	"maps"
	"net/http"
)

// serveIntrospect answers RFC 7662: a confidential client asks what a token
// means. Unknown, forged, expired and revoked tokens are all inactive.
func (h *Handler) serveIntrospect(w http.ResponseWriter, r *http.Request) {
	client, answer, err := h.introspect(w, r)
	if err != nil {
		writeError(w, err)
		return
	}
	signed, err := h.answerSigned(w, r, client.ID, answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if !signed {
		writeJSON(w, http.StatusOK, answer)
	}
}

func (h *Handler) introspect(w http.ResponseWriter, r *http.Request) (Client, map[string]any, error) {
	form, err := parseForm(w, r)
	if err != nil {
		return Client{}, nil, err
	}
	client, err := h.authenticateConfidential(r, form)
	if err != nil {
		return Client{}, nil, err
	}
	claims, ok := h.tokens.get(form.Get("token"), h.config.Now())
	if !ok {
		return client, map[string]any{"active": false}, nil
	}
	answer := maps.Clone(claims)
	maps.DeleteFunc(answer, func(_ string, value any) bool { return value == nil })
	answer["active"], answer["token_type"] = true, "Bearer"
	if _, bound := answer["cnf"]; bound {
		answer["token_type"] = "DPoP"
	}
	return client, answer, nil
}
