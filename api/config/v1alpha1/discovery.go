package v1alpha1

import (
	"fmt"
	"net/url"
	"strings"
)

// MetadataURLs are the well-known places of an issuer's metadata, in the order in
// which they are tried: RFC 8414, OpenID Connect with the path inserted, and
// OpenID Connect Discovery 1.0 with the path in front. The runtime discovers by
// them, and the operator looks whether it will.
func MetadataURLs(issuer string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer is not a URL: %w", err)
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	urls := []string{
		origin + "/.well-known/oauth-authorization-server" + path,
		origin + "/.well-known/openid-configuration" + path,
	}
	if path != "" {
		urls = append(urls, origin+path+"/.well-known/openid-configuration")
	}
	return urls, nil
}

// CheckIssuerURL judges a URL that a member of issuer's metadata has. It wants
// https unless the issuer itself is http, which Validate allows on loopback hosts
// only.
func CheckIssuerURL(member, value, issuer string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%s %q is not an absolute URL", member, value)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !strings.HasPrefix(issuer, "http://")) {
		return fmt.Errorf("%s %q: want https", member, value)
	}
	return nil
}
