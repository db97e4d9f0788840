package authserver

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

const (
	// DefaultSubject is the sub of minted tokens that set none.
	DefaultSubject = "user-1"
	// DefaultClientID is the client_id of minted tokens that set none.
	DefaultClientID = "test-client"
	// DefaultTokenLifetime is how long access tokens last unless Config says
	// otherwise.
	DefaultTokenLifetime = time.Hour
)

// Config says what an authorization server is. Only Issuer is required.
type Config struct {
	// Issuer is the issuer identifier: an absolute http or https URL, with or
	// without a path or a trailing slash. It is used byte for byte, and its path
	// is where the endpoints are.
	Issuer string
	// Algorithm signs access tokens; default ES256. Any of RS256, RS384, RS512,
	// PS256, PS384, PS512, ES256, ES256K, ES384, ES512, EdDSA and Ed448.
	Algorithm jwa.SignatureAlgorithm
	// Audience is the aud of tokens for which no resource was asked; without it
	// such tokens have no aud.
	Audience string
	// AudienceFor says what the aud of tokens for a resource is, with "" for
	// tokens for which none was asked. Default: the resource itself, and Audience
	// for none.
	AudienceFor func(resource string) string
	// Resources are the resource indicators (RFC 8707) that tokens are issued
	// for; others are answered with invalid_target. Empty means any.
	Resources []string
	// Scopes is advertised as scopes_supported.
	Scopes []string
	// GrantableScopes restricts what is granted: other scopes that a client asks
	// for are left out of the token. Nil means that all are granted as asked.
	GrantableScopes []string
	// DefaultScopes are granted to a client that asks for none.
	DefaultScopes []string
	// Clients are known without registration.
	Clients []Client
	// AutoApprove is the subject that every authorization request is approved
	// for, without a page. Empty means that a person decides on a page.
	AutoApprove string
	// Subjects are offered on the consent page, the first one preset.
	Subjects []string
	// TokenLifetime is how long access tokens last; default
	// DefaultTokenLifetime.
	TokenLifetime time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	// ClientMetadata fetches Client ID Metadata Documents. Nil means that they
	// are not supported. It decides which hosts may be reached.
	ClientMetadata *http.Client
}

// Client is an OAuth client.
type Client struct {
	ID string
	// Secret makes the client confidential: it authenticates with
	// client_secret_basic or client_secret_post. Empty means public.
	Secret string
	// Key makes the client confidential too: it authenticates with
	// private_key_jwt, by assertions that this key signs.
	Key *Key
	// AuthMethod is the only way in which the client may authenticate:
	// client_secret_basic, client_secret_post or private_key_jwt. Empty means any
	// that it has the credentials for.
	AuthMethod string
	// Name is shown on the consent page.
	Name string
	// RedirectURIs are compared exactly, but for the port of loopback hosts
	// (RFC 8252 section 7.3).
	RedirectURIs []string
	// Scopes are granted when the client asks for none, in place of
	// Config.DefaultScopes.
	Scopes []string
}

// withDefaults returns c with what was left out filled in, and the parsed
// issuer.
func (c Config) withDefaults() (Config, *url.URL, error) {
	issuer, err := parseIssuer(c.Issuer)
	if err != nil {
		return c, nil, err
	}
	if c.Algorithm == "" {
		c.Algorithm = jwa.ES256
	}
	if c.TokenLifetime == 0 {
		c.TokenLifetime = DefaultTokenLifetime
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AudienceFor == nil {
		c.AudienceFor = func(resource string) string { return cmp.Or(resource, c.Audience) }
	}
	return c, issuer, nil
}

func parseIssuer(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("parsing issuer: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.ContainsAny(s, "?#") {
		return nil, fmt.Errorf("issuer %q: want an absolute http or https URL without query and fragment (RFC 8414 section 2)", s)
	}
	return u, nil
}
