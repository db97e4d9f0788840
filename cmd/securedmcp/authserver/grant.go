package authserver

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// refreshLifetime is long enough for any test and any day of development.
const refreshLifetime = 30 * 24 * time.Hour

// grant is who may do what where: all that an access token is made of. A
// property of the token that is decided when it is granted, such as a bound key
// (cnf), belongs here.
type grant struct {
	client    Client
	subject   string
	scopes    []string
	resources []string // RFC 8707
	audiences []string // RFC 8693: names that are no resource indicators
	// actor is who acts for the subject (RFC 8693 section 4.1).
	actor map[string]any
	// authTime is when the person signed in; zero for a grant without a person.
	authTime time.Time
	// boundTo is the thumbprint of the key that the token is bound to (RFC 9449
	// section 6.1); empty for a bearer token.
	boundTo string
}

func (g grant) tokenType() string {
	if g.boundTo != "" {
		return "DPoP"
	}
	return "Bearer"
}

// tokenResponse is RFC 6749 section 5.1 with what RFC 8693 section 2.2.1 and
// OpenID Connect add.
type tokenResponse struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type,omitempty"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int    `json:"expires_in"`
	Scope           string `json:"scope"`
	RefreshToken    string `json:"refresh_token,omitempty"`
	IDToken         string `json:"id_token,omitempty"`
}

// issue makes the access token of a grant.
func (h *Handler) issue(g grant) (tokenResponse, error) {
	token, err := h.mint(h.accessTokenClaims(g), nil)
	if err != nil {
		return tokenResponse{}, err
	}
	return tokenResponse{
		AccessToken: token,
		TokenType:   g.tokenType(),
		ExpiresIn:   int(h.config.TokenLifetime.Seconds()),
		Scope:       strings.Join(g.scopes, " "),
	}, nil
}

// issueRefreshable is issue with a refresh token that stands for the same grant.
func (h *Handler) issueRefreshable(issued, whole grant) (tokenResponse, error) {
	response, err := h.issue(issued)
	if err != nil {
		return response, err
	}
	now := h.config.Now()
	response.RefreshToken = rand.Text()
	h.refresh.put(response.RefreshToken, whole, now, now.Add(refreshLifetime))
	return response, nil
}

// accessTokenClaims are the claims of RFC 9068 section 2.2.
func (h *Handler) accessTokenClaims(g grant) Claims {
	now := h.config.Now()
	claims := Claims{
		"iss":       h.config.Issuer,
		"sub":       g.subject,
		"client_id": g.client.ID,
		"scope":     strings.Join(g.scopes, " "),
		"iat":       now,
		"exp":       now.Add(h.config.TokenLifetime),
		"jti":       rand.Text(),
	}
	if aud := h.audienceClaim(g); aud != nil {
		claims["aud"] = aud
	}
	if g.actor != nil {
		claims["act"] = g.actor
	}
	if g.boundTo != "" {
		claims["cnf"] = map[string]any{"jkt": g.boundTo}
	}
	if !g.authTime.IsZero() {
		claims["auth_time"] = g.authTime
	}
	return claims
}

// audienceClaim is a string for one audience and an array for several, as most
// authorization servers write it (RFC 7519 section 4.1.3).
func (h *Handler) audienceClaim(g grant) any {
	audience := slices.Clone(g.audiences)
	for _, resource := range g.resources {
		audience = append(audience, h.config.AudienceFor(resource))
	}
	if len(audience) == 0 {
		audience = append(audience, h.config.AudienceFor(""))
	}
	switch {
	case len(audience) > 1:
		return audience
	case audience[0] != "":
		return audience[0]
	default:
		return nil
	}
}

// idToken is an OpenID Connect ID token, for clients that ask for openid.
func (h *Handler) idToken(a authorization) (string, error) {
	if !slices.Contains(a.scopes, "openid") {
		return "", nil
	}
	now := h.config.Now()
	claims := Claims{
		"iss": h.config.Issuer, "sub": a.subject, "aud": a.client.ID,
		"iat": now, "exp": now.Add(h.config.TokenLifetime), "auth_time": a.at,
	}
	if a.nonce != "" {
		claims["nonce"] = a.nonce
	}
	return h.mint(claims, []TokenOption{Header("typ", "JWT"), unlisted()})
}

// unlisted keeps a token from introspection: it is no access token.
func unlisted() TokenOption { return func(r *recipe) { r.genuine = false } }

// Revoke makes introspection call token inactive. A token that is verified by
// its signature stays valid until it expires.
func (h *Handler) Revoke(token string) { h.tokens.drop(token) }
