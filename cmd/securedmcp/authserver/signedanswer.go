package authserver

import (
	"net/http"
	"strings"
)

const signedAnswerType = "application/token-introspection+jwt"

// signedAnswers says how introspection answers are signed (RFC 9701).
type signedAnswers struct {
	claims  Claims
	options []TokenOption
}

// SignAnswers makes introspection answer with a JWT (RFC 9701), and the metadata
// say so, to clients that accept one. Claims change the members beside
// token_introspection (iss, aud, iat), and options the header and the signature,
// as they do for Mint. Without claims and options the answers are good.
func (h *Handler) SignAnswers(claims Claims, options ...TokenOption) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.signed = &signedAnswers{claims: claims, options: options}
}

// answerSigned tells whether it has answered.
func (h *Handler) answerSigned(w http.ResponseWriter, r *http.Request, client string, answer map[string]any) (bool, error) {
	h.mu.Lock()
	how := h.signed
	h.mu.Unlock()
	if how == nil || !strings.Contains(r.Header.Get("Accept"), signedAnswerType) {
		return false, nil
	}
	claims := Claims{"iss": h.config.Issuer, "aud": client, "iat": h.config.Now(), "token_introspection": answer}
	overlay(claims, how.claims)
	token, err := h.sign("token-introspection+jwt", claims, how.options)
	if err != nil {
		return false, err
	}
	w.Header().Set("Content-Type", signedAnswerType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(token)) // a client that has gone away is its own affair
	return true, nil
}

// sign makes a JWT that is no access token.
func (h *Handler) sign(typ string, claims Claims, options []TokenOption) (string, error) {
	r := &recipe{header: map[string]any{"typ": typ}}
	r.use(h.SigningKey())
	for _, option := range options {
		option(r)
	}
	return r.assemble(claims)
}
