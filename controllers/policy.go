package controllers

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Policy bounds what those may ask for who edit SecuredMCPServers and may not
// create Deployments or Ingresses themselves. The zero value allows everything.
type Policy struct {
	// AllowedHosts are the hosts that spec.resource may have, by namespace;
	// AnyNamespace is for all of them. A pattern is a host name, or *. and a
	// domain for every host below it. Empty allows every host to everyone;
	// otherwise a namespace that is not named may use those of AnyNamespace.
	AllowedHosts map[string][]string
	// AllowedImagePrefixes are what spec.workload.image may begin with, up to a /,
	// : or @ or its end: example.com/team does not allow example.com/team-b/image.
	// Empty allows every image. The operator's own runtime image is always allowed.
	AllowedImagePrefixes []string
	// AllowedIngressAnnotations, AllowedPodAnnotations and AllowedPodLabels are
	// the names that servers may put on their Ingress and their pods. A pattern
	// is a name, or what names begin with and *. An empty list allows none. Nil
	// allows every name while AllowedHosts is empty; otherwise it allows a few
	// annotations of Ingresses that are harmless, and nothing on pods.
	AllowedIngressAnnotations []string
	AllowedPodAnnotations     []string
	AllowedPodLabels          []string
}

// AnyNamespace stands for every namespace in Policy.AllowedHosts.
const AnyNamespace = "*"

// objection is why a policy keeps a spec from being served.
type objection struct{ reason, message string }

func (p *Policy) object(s *v1alpha1.SecuredMCPServer) *objection {
	return cmp.Or(p.objectToHost(s), p.objectToImage(s), p.objectToIngressNames(s), p.objectToPodNames(s))
}

// objectToPods judges what the pods are to be like.
func (p *Policy) objectToPods(s *v1alpha1.SecuredMCPServer) *objection {
	return cmp.Or(p.objectToImage(s), p.objectToPodNames(s))
}

// objectToHost also decides what a server may claim: whoever names a host that
// is another team's keeps nothing from that team.
func (p *Policy) objectToHost(s *v1alpha1.SecuredMCPServer) *objection {
	return p.objectToResource(s.Namespace, s.Spec.Resource)
}

func (p *Policy) objectToResource(namespace, resource string) *objection {
	if len(p.AllowedHosts) == 0 {
		return nil
	}
	u, err := url.Parse(resource)
	if err != nil {
		return &objection{v1alpha1.ReasonInvalidSpec, "spec.resource: " + err.Error()}
	}
	allowed := slices.Concat(p.AllowedHosts[namespace], p.AllowedHosts[AnyNamespace])
	host := strings.ToLower(u.Hostname())
	if slices.ContainsFunc(allowed, func(pattern string) bool { return hostMatches(pattern, host) }) {
		return nil
	}
	return &objection{v1alpha1.ReasonHostNotAllowed, fmt.Sprintf(
		"spec.resource: host %s is not allowed in namespace %s; allowed: %s (the operator's --allowed-hosts)", host, namespace, listed(allowed))}
}

func hostMatches(pattern, host string) bool {
	pattern = strings.ToLower(pattern)
	if domain, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, domain) && len(host) > len(domain)
	}
	return pattern == host
}

func (p *Policy) objectToImage(s *v1alpha1.SecuredMCPServer) *objection {
	image := s.Spec.Workload.Image
	if image == "" || len(p.AllowedImagePrefixes) == 0 ||
		slices.ContainsFunc(p.AllowedImagePrefixes, func(prefix string) bool { return imageMatches(prefix, image) }) {
		return nil
	}
	return &objection{v1alpha1.ReasonImageNotAllowed, fmt.Sprintf(
		"spec.workload.image: %s is not allowed; want an image below %s (the operator's --allowed-image-prefixes), or none for the operator's own",
		image, listed(p.AllowedImagePrefixes))}
}

// imageMatches wants prefix to end where a part of image does: other names begin
// alike, and are somebody else's. So is another port of a host: what follows a tag's
// colon has no slash.
func imageMatches(prefix, image string) bool {
	rest, ok := strings.CutPrefix(image, prefix)
	switch {
	case !ok || prefix == "":
		return false
	case rest == "" || strings.HasSuffix(prefix, "/") || strings.HasSuffix(prefix, ":") || strings.HasSuffix(prefix, "@"):
		return true
	case rest[0] == ':':
		return !strings.Contains(rest, "/")
	}
	return rest[0] == '/' || rest[0] == '@'
}

func listed(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}
