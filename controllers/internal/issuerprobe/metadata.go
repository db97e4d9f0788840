package issuerprobe

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// metadata is what matters here of authorization server metadata. The first three
// members are what pods read. The others are for clients: one of another type than
// it should have is one that is not there.
type metadata struct {
	Issuer                string `json:"issuer"`
	JWKSURI               string `json:"jwks_uri"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`

	PKCE   list `json:"code_challenge_methods_supported"`
	Scopes list `json:"scopes_supported"`
	// Resources are protected_resources of RFC 9728 section 4.
	Resources list `json:"protected_resources"`
	// ResourceIndicators is what issuers write that take RFC 8707, which defines no
	// member for it.
	ResourceIndicators flag `json:"resource_indicators_supported"`
}

type list []string

func (l *list) UnmarshalJSON(raw []byte) error {
	var values []string
	if json.Unmarshal(raw, &values) == nil {
		*l = values
	}
	return nil
}

type flag bool

func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = string(raw) == "true"
	return nil
}

func (m *metadata) advertised() advertised {
	return advertised{scopes: keep(m.Scopes), resources: keep(m.Resources), resourceIndicators: bool(m.ResourceIndicators)}
}

// checkIssuer wants the very issuer that was asked (RFC 8414 section 3.3).
func checkIssuer(md *metadata, q Question) *fault {
	if md.Issuer == q.Issuer {
		return nil
	}
	return &fault{reason: v1alpha1.ReasonIssuerMismatch, message: "the metadata names another issuer than spec.issuer, and both must be the same byte for byte: " + difference(q.Issuer, md.Issuer)}
}

// difference says what to look at without repeating what the issuer wrote.
func difference(want, got string) string {
	switch {
	case got == "":
		return "it names none"
	case got == want+"/":
		return "it ends with a slash, as spec.issuer does not"
	case got+"/" == want:
		return "it does not end with a slash, as spec.issuer does"
	case strings.EqualFold(got, want):
		return "lower and upper case differ"
	}
	a, errA := url.Parse(want)
	b, errB := url.Parse(got)
	switch {
	case errA != nil || errB != nil || b.Host == "":
		return "it names what is no URL"
	case a.Host != b.Host:
		return "the hosts differ"
	case a.Scheme != b.Scheme:
		return "one is https, and the other is not"
	}
	return "what comes after the host differs"
}

// checkEndpoint wants what the pods go on to from the metadata.
func checkEndpoint(md *metadata, q Question) *fault {
	member, value, reason := "jwks_uri", md.JWKSURI, v1alpha1.ReasonKeysMissing
	switch {
	case q.Opaque:
		member, value, reason = "introspection_endpoint", md.IntrospectionEndpoint, v1alpha1.ReasonIntrospectionMissing
	case q.KeysURL != "":
		return nil
	}
	switch {
	case value == "":
		return &fault{reason: reason, message: "the metadata has no " + member}
	case config.CheckIssuerURL(member, value, q.Issuer) != nil:
		return &fault{reason: reason, message: member + " of the metadata is not an absolute URL with https"}
	}
	return nil
}

// checkPKCE wants what MCP clients look for and do not go on without.
func checkPKCE(md *metadata) *fault {
	if slices.Contains(md.PKCE, "S256") {
		return nil
	}
	return &fault{reason: v1alpha1.ReasonPKCENotAdvertised, message: "code_challenge_methods_supported of the metadata lacks S256: MCP clients refuse to log in at an issuer that does not advertise PKCE"}
}

// maxKeys is how many keys a pod takes.
const maxKeys = 64

// checkKeys wants one key at least that could verify a signature. The pods judge
// each key by more than this.
func checkKeys(at *target, raw []byte) *fault {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(raw, &set) != nil || set.Keys == nil {
		return at.lacks(" answers with no JWKS")
	}
	if len(set.Keys) > maxKeys {
		return at.lacks(" answers with more than %d keys", maxKeys)
	}
	if !slices.ContainsFunc(set.Keys, verifies) {
		return at.lacks(" answers with no key that verifies signatures")
	}
	return nil
}

// verifies tells whether a JWK is public and may verify signatures.
func verifies(raw json.RawMessage) bool {
	var key struct {
		Type    string          `json:"kty"`
		Use     string          `json:"use"`
		Private json.RawMessage `json:"d"`
	}
	if json.Unmarshal(raw, &key) != nil || key.Private != nil {
		return false
	}
	return slices.Contains([]string{"RSA", "EC", "OKP"}, key.Type) && (key.Use == "" || key.Use == "sig")
}
