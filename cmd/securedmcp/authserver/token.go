package authserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Claims are claims of a token. A value of nil leaves the claim out; a
// [time.Time] becomes seconds since the epoch.
type Claims map[string]any

// TokenOption changes how one token is made.
type TokenOption func(*recipe)

// recipe is a token in the making: what its three parts are made of.
type recipe struct {
	key        *Key
	header     map[string]any
	rawHeader  []byte
	rawPayload []byte
	sign       func(input []byte) ([]byte, error)
	opaque     bool
	// genuine tokens are known to introspection.
	genuine bool
}

// Header sets a member of the token's header; nil leaves it out.
func Header(name string, value any) TokenOption {
	return func(r *recipe) { r.header[name] = value }
}

// SignedWith signs with key and names its kid and alg in the header.
func SignedWith(key *Key) TokenOption {
	return func(r *recipe) { r.use(key); r.genuine = false }
}

// SignedWithHMAC signs with HS256, leaving kid as it is: with the issuer's
// public key as secret it is the algorithm confusion of RFC 8725 section 2.1.
func SignedWithHMAC(secret []byte) TokenOption {
	return forged("HS256", func(input []byte) ([]byte, error) {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil), nil
	})
}

// Unsigned makes the algorithm "none" and the signature empty.
func Unsigned() TokenOption {
	return forged("none", func([]byte) ([]byte, error) { return nil, nil })
}

// BadSignature signs, and then changes one bit of the signature.
func BadSignature() TokenOption {
	return func(r *recipe) {
		sign := r.sign
		r.genuine = false
		r.sign = func(input []byte) ([]byte, error) {
			signature, err := sign(input)
			if err == nil {
				signature[0] ^= 1
			}
			return signature, err
		}
	}
}

// Opaque makes the token a random string, whose claims introspection knows and
// nobody else. Options that shape a JWT do not show in it.
func Opaque() TokenOption { return func(r *recipe) { r.opaque = true } }

// RawHeader makes the header these bytes, whatever they are.
func RawHeader(raw []byte) TokenOption { return func(r *recipe) { r.rawHeader = raw } }

// RawPayload makes the payload these bytes, whatever they are.
func RawPayload(raw []byte) TokenOption {
	return func(r *recipe) { r.rawPayload, r.genuine = raw, false }
}

func forged(algorithm string, sign func([]byte) ([]byte, error)) TokenOption {
	return func(r *recipe) {
		r.header["alg"], r.sign, r.genuine = algorithm, sign, false
	}
}

func (r *recipe) use(key *Key) {
	r.key, r.sign = key, key.sign
	r.header["alg"], r.header["kid"] = key.Algorithm.String(), key.ID
}

// Mint makes an access token (RFC 9068) outside of any flow: iss, sub
// ([DefaultSubject]), aud (Config.Audience or AudienceFor, if set), client_id
// ([DefaultClientID]), iat, exp and jti, with typ at+jwt, changed by claims and
// options. Options apply in order. It fails when the claims or the header cannot
// be encoded as JSON.
func (h *Handler) Mint(claims Claims, options ...TokenOption) (string, error) {
	now := h.config.Now()
	all := Claims{
		"iss":       h.config.Issuer,
		"sub":       DefaultSubject,
		"client_id": DefaultClientID,
		"iat":       now,
		"exp":       now.Add(h.config.TokenLifetime),
		"jti":       rand.Text(),
	}
	if audience := h.config.AudienceFor(""); audience != "" {
		all["aud"] = audience
	}
	overlay(all, claims)
	return h.mint(all, options)
}

func (h *Handler) mint(claims Claims, options []TokenOption) (string, error) {
	r := &recipe{header: map[string]any{"typ": "at+jwt"}, genuine: true}
	r.use(h.SigningKey())
	for _, option := range options {
		option(r)
	}
	token, err := r.assemble(claims)
	if err != nil {
		return "", err
	}
	if r.genuine {
		h.tokens.put(token, numericDates(claims), h.config.Now(), h.expiry(claims))
	}
	return token, nil
}

// assemble writes the compact serialization by hand: a JOSE library would refuse
// most of what a test wants to have refused.
func (r *recipe) assemble(claims Claims) (string, error) {
	if r.opaque {
		return rand.Text(), nil
	}
	header, err := orEncode(r.rawHeader, r.header)
	if err != nil {
		return "", fmt.Errorf("encoding the token's header: %w", err)
	}
	payload, err := orEncode(r.rawPayload, numericDates(claims))
	if err != nil {
		return "", fmt.Errorf("encoding the token's claims: %w", err)
	}
	input := encodeSegment(header) + "." + encodeSegment(payload)
	signature, err := r.sign([]byte(input))
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return input + "." + encodeSegment(signature), nil
}

func orEncode(raw []byte, members map[string]any) ([]byte, error) {
	if raw != nil {
		return raw, nil
	}
	present := maps.Clone(members)
	maps.DeleteFunc(present, func(_ string, value any) bool { return value == nil })
	return json.Marshal(present)
}

func numericDates(claims Claims) Claims {
	numeric := maps.Clone(claims)
	for name, value := range numeric {
		if t, ok := value.(time.Time); ok {
			numeric[name] = t.Unix()
		}
	}
	return numeric
}

// expiry is when the claims stop being true; without exp it is far enough away.
func (h *Handler) expiry(claims Claims) time.Time {
	switch exp := claims["exp"].(type) {
	case time.Time:
		return exp
	case int:
		return time.Unix(int64(exp), 0)
	case int64:
		return time.Unix(exp, 0)
	case float64:
		return time.Unix(int64(exp), 0)
	default:
		return h.config.Now().Add(h.config.TokenLifetime)
	}
}

func encodeSegment(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
