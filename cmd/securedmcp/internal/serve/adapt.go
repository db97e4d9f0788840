package serve

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// local is what differs between this machine and the cluster.
type local struct {
	base      string            // http://127.0.0.1:8080, where the runtime listens
	issuer    string            // of the development authorization server, or ""
	resource  string            // --resource, or ""
	upstreams map[string]string // --upstream
}

// change is a value of the manifest that was replaced.
type change struct {
	field, value, instead, why string
}

// adapt returns a copy of server as it can be served here, and every change.
func (l local) adapt(server *v1alpha1.SecuredMCPServer) (*v1alpha1.SecuredMCPServer, []change, error) {
	server = server.DeepCopy()
	changes := slices.Concat(l.adaptIssuer(&server.Spec), l.adaptResource(&server.Spec), l.adaptTLS(&server.Spec))
	more, err := l.adaptUpstreams(&server.Spec)
	return server, append(changes, more...), err
}

func (l local) adaptIssuer(spec *v1alpha1.SecuredMCPServerSpec) []change {
	if l.issuer == "" {
		return nil
	}
	changes := []change{{"issuer", l.issuer, spec.Issuer, "the development authorization server (--dev-issuer)"}}
	spec.Issuer = l.issuer
	changes = append(changes, adaptTokens(&spec.Tokens)...)
	return changes
}

// adaptResource moves the resource to where the runtime listens when the issuer
// moved too; with a real issuer the resource is what tokens are issued for.
func (l local) adaptResource(spec *v1alpha1.SecuredMCPServerSpec) []change {
	resource, why := l.resource, "as --resource says"
	if resource == "" && l.issuer != "" {
		resource, why = l.base+pathOf(spec.Resource), "where it listens; --resource sets another"
	}
	if resource == "" || resource == spec.Resource {
		return nil
	}
	changes := []change{{"resource", resource, spec.Resource, why}}
	if spec.Audience == "" || spec.Audience == spec.Resource {
		changes = append(changes, change{"audience", resource, spec.Resource, "it is the resource, as in the manifest"})
		spec.Audience = ""
	}
	spec.Resource = resource
	return changes
}

// adaptTLS has plain http where the resource is http, and where the issuer moved
// here: then nobody needs a certificate to try the manifest out.
func (l local) adaptTLS(spec *v1alpha1.SecuredMCPServerSpec) []change {
	if spec.Exposure.TLS == nil || l.issuer == "" && !strings.HasPrefix(strings.ToLower(spec.Resource), "http:") {
		return nil
	}
	name := spec.Exposure.TLS.SecretName
	spec.Exposure.TLS = nil
	return []change{{"exposure.tls", "none", name, "plain http is served here"}}
}

func pathOf(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return ""
	}
	return u.Path
}

func (l local) adaptUpstreams(spec *v1alpha1.SecuredMCPServerSpec) ([]change, error) {
	var changes []change
	missing := maps.Clone(l.upstreams)
	var declared []string
	for i := range spec.Upstreams {
		upstream := &spec.Upstreams[i]
		declared = append(declared, upstream.Name)
		target, ok := l.upstreams[upstream.Name]
		if !ok || upstream.HTTP == nil {
			continue
		}
		delete(missing, upstream.Name)
		changes = append(changes, change{"upstream " + upstream.Name, target, upstream.HTTP.URL, "as --upstream says"})
		upstream.HTTP.URL = target
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: --upstream %s: no such upstream; declared: %s", ErrUsage,
			strings.Join(slices.Sorted(maps.Keys(missing)), ", "), orNone(strings.Join(declared, ", ")))
	}
	return changes, nil
}

// blame puts what is wrong with a value of the command line where it was given.
func (l local) blame(err error, spec *v1alpha1.SecuredMCPServerSpec) error {
	fields, ok := errors.AsType[config.FieldErrors](err)
	if !ok {
		return fmt.Errorf("rendering for this machine: %w", err)
	}
	for _, e := range fields {
		if e.Path == "spec.resource" && l.resource != "" {
			return fmt.Errorf("%w: --resource %s", ErrUsage, e.Detail)
		}
		for i := range spec.Upstreams {
			if name := spec.Upstreams[i].Name; e.Path == fmt.Sprintf("spec.upstreams[%d].http.url", i) && l.upstreams[name] != "" {
				return fmt.Errorf("%w: --upstream %s=URL: %s", ErrUsage, name, e.Detail)
			}
		}
	}
	return fmt.Errorf("rendering for this machine: %w", err)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
