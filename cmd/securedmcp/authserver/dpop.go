package authserver

import (
	"crypto"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// proofAge is how old or how early a proof may be.
const proofAge = 5 * time.Minute

func proofAlgorithms() []string {
	return []string{"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}
}

// proofKey returns the thumbprint of the key that a token request proves to hold
// (RFC 9449 section 5), "" for one without a proof.
func (h *Handler) proofKey(r *http.Request) (string, error) {
	proofs := r.Header.Values("DPoP")
	if len(proofs) == 0 {
		return "", nil
	}
	if len(proofs) > 1 {
		return "", oauthErrorf(errInvalidProof, "%d DPoP headers; want one", len(proofs))
	}
	key, payload, err := openProof([]byte(proofs[0]))
	if err != nil {
		return "", err
	}
	if err := h.checkProof(r, payload); err != nil {
		return "", err
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	return encodeSegment(thumbprint), err
}

// openProof verifies the signature by the key that the header brings.
func openProof(proof []byte) (jwk.Key, []byte, error) {
	message, err := jws.Parse(proof, jws.WithCompact())
	if err != nil || len(message.Signatures()) != 1 {
		return nil, nil, oauthErrorf(errInvalidProof, "the proof is not a compact JWS")
	}
	header := message.Signatures()[0].ProtectedHeaders()
	key := header.JWK()
	if header.Type() != "dpop+jwt" || key == nil || !slices.Contains(proofAlgorithms(), header.Algorithm().String()) {
		return nil, nil, oauthErrorf(errInvalidProof, "typ, alg or jwk of the proof is not as RFC 9449 section 4.2 wants it")
	}
	if private, err := jwk.IsPrivateKey(key); err != nil || private {
		return nil, nil, oauthErrorf(errInvalidProof, "jwk is not a public key")
	}
	payload, err := jws.Verify(proof, jws.WithKey(jwa.SignatureAlgorithm(header.Algorithm()), key))
	if err != nil {
		return nil, nil, oauthErrorf(errInvalidProof, "the signature of the proof is not by jwk")
	}
	return key, payload, nil
}

func (h *Handler) checkProof(r *http.Request, payload []byte) error {
	var claims struct {
		ID     string  `json:"jti"`
		Method string  `json:"htm"`
		URI    string  `json:"htu"`
		Issued float64 `json:"iat"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.ID == "" {
		return oauthErrorf(errInvalidProof, "the proof has no jti, or a member of the wrong type")
	}
	if claims.Method != r.Method || claims.URI != h.endpointURL("/token") {
		return oauthErrorf(errInvalidProof, "the proof is for %s %s, not for %s %s", claims.Method, claims.URI, r.Method, h.endpointURL("/token"))
	}
	now, issued := h.config.Now(), time.Unix(int64(claims.Issued), 0)
	if issued.Before(now.Add(-proofAge)) || issued.After(now.Add(proofAge)) {
		return oauthErrorf(errInvalidProof, "iat is more than %s from now", proofAge)
	}
	if !h.proofs.add(claims.ID, struct{}{}, now, issued.Add(2*proofAge)) {
		return oauthErrorf(errInvalidProof, "the proof was used before")
	}
	return nil
}
