package authserver

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxRequestBytes bounds the body of every request.
const maxRequestBytes = 64 << 10

// repeatable are the parameters that may appear more than once (RFC 8707
// section 2, RFC 8693 section 2.1); RFC 6749 section 3.1 forbids the others.
var repeatable = []string{"resource", "audience"}

// parseForm reads the parameters of the query (GET) or the body (POST).
func parseForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	if err := r.ParseForm(); err != nil {
		return nil, oauthErrorf(errInvalidRequest, "reading the parameters: %v", err)
	}
	form := r.PostForm
	if r.Method == http.MethodGet {
		form = r.Form
	}
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return nil, oauthErrorf(errInvalidRequest, "%s appears %d times; want it once", name, len(values))
		}
	}
	return form, nil
}

// parseResources checks resource indicators (RFC 8707 section 2).
func (h *Handler) parseResources(form url.Values) ([]string, error) {
	resources := form["resource"]
	for _, resource := range resources {
		u, err := url.Parse(resource)
		if err != nil || !u.IsAbs() || strings.Contains(resource, "#") {
			return nil, oauthErrorf(errInvalidTarget, "resource %q: want an absolute URI without fragment", resource)
		}
		if len(h.config.Resources) > 0 && !slices.Contains(h.config.Resources, resource) {
			return nil, oauthErrorf(errInvalidTarget, "resource %q is not known; known: %s", resource, strings.Join(h.config.Resources, ", "))
		}
	}
	return resources, nil
}

// grantable is what of the asked scopes is granted to client.
func (h *Handler) grantable(client Client, form url.Values) []string {
	asked := strings.Fields(form.Get("scope"))
	if len(asked) == 0 {
		asked = h.config.DefaultScopes
		if client.Scopes != nil {
			asked = client.Scopes
		}
	}
	var granted []string
	for _, scope := range asked {
		if h.config.GrantableScopes != nil && !slices.Contains(h.config.GrantableScopes, scope) {
			continue
		}
		if !slices.Contains(granted, scope) {
			granted = append(granted, scope)
		}
	}
	return granted
}
