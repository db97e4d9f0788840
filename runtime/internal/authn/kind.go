package authn

import "strings"

// foreign are the claims of other kinds of JWT that an issuer signs with the same
// keys: ID tokens (OpenID Connect Core section 2) and logout and other security
// event tokens (RFC 8417 section 2.2). No access token has them.
var foreign = []string{"at_hash", "c_hash", "s_hash", "events"}

// checkKind keeps out tokens that were issued for another end (RFC 8725 section
// 3.12). Header typ tells few of them apart: most issuers write JWT, or nothing,
// over all that they sign. A token that is typed says of itself that it is an
// access token.
func (c claims) checkKind(typed bool) *Error {
	for _, name := range foreign {
		if _, ok := c[name]; ok {
			return refuse(BadType, "%s is a claim of another kind of token", name)
		}
	}
	for _, name := range []string{"typ", "token_use", "token_type"} {
		kind, ok := stringMember(c, name)
		if !ok || kind != "" && !namesAccess(kind) {
			return refuse(BadType, "%s says that the token is of another kind", name)
		}
		typed = typed || kind != ""
	}
	// Keycloak before release 25 wrote nonce into access tokens too, beside typ.
	if _, ok := c["nonce"]; ok && !typed {
		return refuse(BadType, "nonce is a claim of ID tokens, and nothing says that this is an access token")
	}
	return nil
}

// namesAccess tells whether a word of an issuer means an access token: Bearer and
// DPoP (RFC 6749 section 7.1; typ of Keycloak), access (Amazon Cognito) and
// access_token (Ory Hydra; RFC 8693 section 3).
func namesAccess(kind string) bool {
	switch strings.ToLower(kind) {
	case "bearer", "dpop", "access", "access_token", "at+jwt", "jwt":
		return true
	}
	return false
}

// checkProfile wants the claims that RFC 9068 section 2.2 demands of a token of
// typ at+jwt; iss, aud and exp are wanted of every token. Two are wanted less
// strictly, because issuers in use leave them out: azp stands in for client_id
// (Keycloak), and the client for sub, where it acts for itself (Duende).
func (c claims) checkProfile() *Error {
	if c.firstText("client_id", "azp") == "" {
		return refuse(MissingClaim, "an at+jwt without client_id (RFC 9068 section 2.2)")
	}
	if c.firstText("jti") == "" {
		return refuse(MissingClaim, "an at+jwt without jti (RFC 9068 section 2.2)")
	}
	if _, ok, err := c.date("iat"); err != nil || !ok {
		return refuse(MissingClaim, "an at+jwt without iat (RFC 9068 section 2.2)")
	}
	return nil
}

// checkTokenType judges the token_type of an introspection answer (RFC 7662
// section 2.2): Bearer, or DPoP with the key that it is bound to (RFC 9449
// section 6.2). Answers about other tokens are active too, refresh tokens among
// them.
func (c claims) checkTokenType(p *Principal) *Error {
	kind, ok := stringMember(c, "token_type")
	switch {
	case !ok:
		return refuse(BadType, "token_type is not a string")
	case kind == "" || strings.EqualFold(kind, "Bearer"):
		return nil
	case !strings.EqualFold(kind, "DPoP"):
		return refuse(BadType, "token_type is neither Bearer nor DPoP")
	case p.Key == nil:
		return refuse(BadType, "token_type is DPoP, and cnf.jkt is missing")
	}
	return nil
}
