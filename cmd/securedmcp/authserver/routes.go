package authserver

import (
	"net/http"
	"slices"
	"strings"
)

// Endpoint names a part of the server that is counted and can be made to fail.
type Endpoint string

// The metadata endpoints are four because clients differ in the form they try.
// Without a path in the issuer the appended forms are the same URLs as the
// inserted ones and are counted as those.
const (
	// /.well-known/oauth-authorization-server{path} (RFC 8414 section 3.1).
	EndpointOAuthMetadata Endpoint = "oauth-authorization-server"
	// {path}/.well-known/oauth-authorization-server: not in any standard, but
	// widely served.
	EndpointOAuthMetadataAppended Endpoint = "oauth-authorization-server-appended"
	// /.well-known/openid-configuration{path} (RFC 8414 section 5).
	EndpointOpenIDMetadata Endpoint = "openid-configuration"
	// {path}/.well-known/openid-configuration (OpenID Connect Discovery).
	EndpointOpenIDMetadataAppended Endpoint = "openid-configuration-appended"

	EndpointJWKS       Endpoint = "jwks"
	EndpointAuthorize  Endpoint = "authorize"
	EndpointConsent    Endpoint = "consent"
	EndpointToken      Endpoint = "token"
	EndpointRegister   Endpoint = "register"
	EndpointIntrospect Endpoint = "introspect"
	// EndpointUnknown counts the requests that no endpoint answers.
	EndpointUnknown Endpoint = "unknown"
)

// MetadataEndpoints are the four forms in which metadata is served.
var MetadataEndpoints = []Endpoint{
	EndpointOAuthMetadata, EndpointOAuthMetadataAppended,
	EndpointOpenIDMetadata, EndpointOpenIDMetadataAppended,
}

type route struct {
	endpoint Endpoint
	methods  []string
	// public answers are readable by scripts of any origin: browser clients
	// discover, register and redeem codes.
	public bool
	serve  http.HandlerFunc
}

const (
	oauthWellKnown  = "/.well-known/oauth-authorization-server"
	openIDWellKnown = "/.well-known/openid-configuration"
)

func (h *Handler) buildRoutes() map[string]route {
	get, post, both := []string{"GET", "HEAD"}, []string{"POST"}, []string{"GET", "POST"}
	path := h.basePath()
	routes := map[string]route{
		path + "/jwks":       {EndpointJWKS, get, true, h.serveJWKS},
		path + "/authorize":  {EndpointAuthorize, both, false, h.serveAuthorize},
		path + "/consent":    {EndpointConsent, post, false, h.serveConsent},
		path + "/token":      {EndpointToken, post, true, h.serveToken},
		path + "/register":   {EndpointRegister, post, true, h.serveRegister},
		path + "/introspect": {EndpointIntrospect, post, false, h.serveIntrospect},
	}
	// The inserted forms come last: without a path in the issuer they take the
	// place of the appended ones.
	routes[path+oauthWellKnown] = route{EndpointOAuthMetadataAppended, get, true, h.serveMetadata}
	routes[path+openIDWellKnown] = route{EndpointOpenIDMetadataAppended, get, true, h.serveMetadata}
	routes[oauthWellKnown+path] = route{EndpointOAuthMetadata, get, true, h.serveMetadata}
	routes[openIDWellKnown+path] = route{EndpointOpenIDMetadata, get, true, h.serveMetadata}
	return routes
}

// basePath is the issuer's path without the terminating slash that RFC 8414
// section 3.1 removes.
func (h *Handler) basePath() string { return strings.TrimSuffix(h.issuer.Path, "/") }

// endpointURL is the absolute URL of a path below the issuer.
func (h *Handler) endpointURL(name string) string {
	return h.issuer.Scheme + "://" + h.issuer.Host + strings.TrimSuffix(h.issuer.EscapedPath(), "/") + name
}

// allowMethods answers what route does not: other methods, and the preflight
// requests of browsers.
func allowMethods(route route) http.HandlerFunc {
	allow := strings.Join(route.methods, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		if route.public {
			allowAnyOrigin(w.Header(), allow)
		}
		switch {
		case slices.Contains(route.methods, r.Method):
			route.serve(w, r)
		case r.Method == http.MethodOptions && route.public:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", allow)
			http.Error(w, "method not allowed; allowed: "+allow, http.StatusMethodNotAllowed)
		}
	}
}

func allowAnyOrigin(header http.Header, methods string) {
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Methods", methods)
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version, DPoP")
}
