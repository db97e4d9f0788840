package checks

import (
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

const rfc8725Kinds = "RFC 8725 section 3.12"

// kindChecks look at tokens that the issuer signed for another end, and that no
// header typ tells apart.
func kindChecks() []Check {
	typ := oauthtest.Header("typ", "JWT")
	logout := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	without := func(claim string) Check {
		id := "A14.at-jwt-without-" + strings.ReplaceAll(claim, "_", "-")
		return refused(Should, id, "RFC 9068 section 2.2", "whose typ is at+jwt, without "+claim, claims(oauthtest.Claims{claim: nil, "azp": nil}))
	}
	return []Check{
		refused(Must, "A14.id-token", rfc8725Kinds, "with the claims of an ID token (nonce, at_hash)", claims(oauthtest.Claims{
			"nonce": "n-0S6_WzA2Mj", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ", "client_id": nil, "jti": nil,
		}, typ)),
		refused(Must, "A14.logout-claims", rfc8725Kinds, "with the claims of a logout token (events)", claims(oauthtest.Claims{"events": logout}, typ)),
		without("client_id"), without("jti"), without("iat"),
	}
}
