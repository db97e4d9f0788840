package checks

import (
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

// Issuer is an authorization server for the server under test to trust. It is
// an http.Handler that must be served at its URL before that server fetches its
// metadata and keys.
type Issuer struct {
	*oauthtest.Handler

	// other is a key that the issuer never published as one of its own.
	other *oauthtest.Key
	// bait is where a token says its key is. A server must not look there.
	bait    string
	baitHit atomic.Int64
}

const baitPath = "/not-the-issuers/keys"

// NewIssuer returns an issuer whose identifier is issuer. Clients are known to
// its introspection endpoint.
func NewIssuer(issuer string, clients ...oauthtest.Client) (*Issuer, error) {
	handler, err := oauthtest.NewHandler(oauthtest.Config{Issuer: issuer, Clients: clients})
	if err != nil {
		return nil, err
	}
	other, err := oauthtest.NewKey(jwa.ES256)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	return &Issuer{Handler: handler, other: other, bait: u.Scheme + "://" + u.Host + baitPath}, nil
}

// ServeHTTP serves the authorization server, and the bait.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != baitPath {
		i.Handler.ServeHTTP(w, r)
		return
	}
	i.baitHit.Add(1)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(map[string]any{"keys": []any{i.other.JWK()}}))
}
