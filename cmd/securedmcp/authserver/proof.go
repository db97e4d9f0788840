package authserver

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// Proof makes a DPoP proof (RFC 9449 section 4.2) that k's holder sends a request
// of method to uri with token; "" leaves ath out. It is changed by claims (a nonce,
// or a member that is wrong) and options, as in [Handler.Mint]. It fails when the
// claims or the header cannot be encoded as JSON.
func (k *Key) Proof(method, uri, token string, claims Claims, options ...TokenOption) (string, error) {
	all := Claims{"jti": rand.Text(), "htm": method, "htu": uri, "iat": time.Now()}
	if token != "" {
		all["ath"] = TokenHash(token)
	}
	overlay(all, claims)
	r := &recipe{header: map[string]any{"typ": "dpop+jwt", "jwk": k.proofJWK()}}
	r.use(k)
	delete(r.header, "kid")
	for _, option := range options {
		option(r)
	}
	return r.assemble(all)
}

// Bound are claims that bind a token to k (RFC 9449 section 6.1).
func (k *Key) Bound() Claims {
	return Claims{"cnf": map[string]any{"jkt": k.Thumbprint()}}
}

// Thumbprint is the SHA-256 thumbprint of the public key (RFC 7638).
func (k *Key) Thumbprint() string {
	canonical, err := json.Marshal(k.public) // its members in lexical order
	if err != nil {
		panic(fmt.Sprintf("encoding a public key that NewKey made: %v", err))
	}
	sum := sha256.Sum256(canonical)
	return encodeSegment(sum[:])
}

// TokenHash is the ath of a proof for token.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return encodeSegment(sum[:])
}

// proofJWK has no kid, alg and use: clients send the bare key.
func (k *Key) proofJWK() map[string]any {
	members := k.JWK()
	overlay(members, map[string]any{"kid": nil, "alg": nil, "use": nil})
	return members
}
