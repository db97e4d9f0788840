package authn

import (
	"crypto/rsa"
	"crypto/sha256"
	"time"
)

const (
	// maxProofBytes is room for an RSA key and signature of 4096 bits, thrice.
	maxProofBytes = 8 << 10
	maxJTIBytes   = 256
	// maxProofRSABits bounds what a key of a caller's choosing costs to verify.
	maxProofRSABits = 4096
	// proofLifetime is how long before now a proof may have been made.
	proofLifetime = time.Minute
)

// proof is a DPoP proof JWT (RFC 9449 section 4.2), its signature not verified
// yet.
type proof struct {
	*compact

	key        *key
	thumbprint Thumbprint
}

// parseProof reads the header: the one kind of token that brings its own key.
func parseProof(s string) (*proof, *Error) {
	if len(s) > maxProofBytes {
		return nil, refuse(BadProof, "the proof is longer than 8 KiB")
	}
	c, err := parseCompactOf(s, func(typ string) bool { return typ == "dpop+jwt" })
	if err != nil {
		return nil, refuse(BadProof, "%s", err.Detail)
	}
	canonical, ok := canonicalJWK(c.jwk)
	if !ok {
		return nil, refuse(BadProof, "jwk is not a public key")
	}
	k := parseKey(canonical)
	if k == nil || !k.fits(c.algName, c.algorithm) {
		return nil, refuse(BadProof, "jwk is not a key that alg can use")
	}
	if pub, ok := k.public.(*rsa.PublicKey); ok && pub.N.BitLen() > maxProofRSABits {
		return nil, refuse(BadProof, "jwk is an RSA key of more than 4096 bits")
	}
	return &proof{compact: c, key: k, thumbprint: sha256.Sum256(canonical)}, nil
}

// checkIssued wants a proof that was made a moment ago. What it says of itself
// beyond that is held against it too.
func (c claims) checkIssued(now time.Time, skew time.Duration) *Error {
	iat, ok, err := c.date("iat")
	if err != nil || !ok {
		return refuse(BadProof, "iat is missing or not a date in seconds")
	}
	if now.Sub(iat) > proofLifetime || iat.Sub(now) > skew {
		return refuse(BadProof, "iat is %s ago; want -%s to %s", now.Sub(iat).Round(time.Second), skew, proofLifetime)
	}
	exp, hasExp, err1 := c.date("exp")
	nbf, hasNbf, err2 := c.date("nbf")
	if err1 != nil || err2 != nil || hasExp && now.After(exp.Add(skew)) || hasNbf && now.Add(skew).Before(nbf) {
		return refuse(BadProof, "exp or nbf says that the proof does not hold now")
	}
	return nil
}

// checkRequest wants a proof for this method, this resource and this token.
func (c claims) checkRequest(method, uri, token string) *Error {
	htm, ok1 := stringMember(c, "htm")
	htu, ok2 := stringMember(c, "htu")
	ath, ok3 := stringMember(c, "ath")
	if !ok1 || !ok2 || !ok3 {
		return refuse(BadProof, "htm, htu or ath is not a string")
	}
	if htm != method {
		return refuse(BadProof, "htm is not the method of the request")
	}
	if normal, ok := normalizeURI(htu); !ok || normal != uri {
		return refuse(BadProof, "htu is not the resource")
	}
	sum := sha256.Sum256([]byte(token))
	if ath != b64.EncodeToString(sum[:]) {
		return refuse(BadProof, "ath is not the digest of the access token")
	}
	return nil
}
