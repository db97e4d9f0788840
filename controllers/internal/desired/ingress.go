package desired

import (
	"net/url"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// Ingress routes the MCP endpoint and its metadata, and nothing else of the
// host, to the Service. It is nil when spec.exposure.ingress is not set.
func Ingress(s *v1alpha1.SecuredMCPServer) *networkingv1ac.IngressApplyConfiguration {
	in := s.Spec.Exposure.Ingress
	if in == nil {
		return nil
	}
	host, path := endpoint(s.Spec.Resource)
	spec := networkingv1ac.IngressSpec().
		WithTLS(networkingv1ac.IngressTLS().WithHosts(host).WithSecretName(in.TLS.SecretName)).
		WithRules(networkingv1ac.IngressRule().
			WithHost(host).
			WithHTTP(networkingv1ac.HTTPIngressRuleValue().WithPaths(
				exactly(s, endpointPath(path)),
				exactly(s, render.MetadataPath(path)))))
	if in.ClassName != "" {
		spec.WithIngressClassName(in.ClassName)
	}
	return networkingv1ac.Ingress(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithAnnotations(in.Annotations).
		WithOwnerReferences(owner(s)).
		WithSpec(spec)
}

func exactly(s *v1alpha1.SecuredMCPServer, path string) *networkingv1ac.HTTPIngressPathApplyConfiguration {
	return networkingv1ac.HTTPIngressPath().
		WithPath(path).
		WithPathType(networkingv1.PathTypeExact).
		WithBackend(networkingv1ac.IngressBackend().
			WithService(networkingv1ac.IngressServiceBackend().
				WithName(s.Name).
				WithPort(networkingv1ac.ServiceBackendPort().WithName(portHTTP))))
}

// endpoint returns host, in the lower case and without the port that Ingress
// rules want, and path of a resource that validation has passed.
func endpoint(resource string) (host, path string) {
	u, err := url.Parse(resource)
	if err != nil {
		return "", ""
	}
	return strings.ToLower(u.Hostname()), u.Path
}

// endpointPath is what a client requests for a resource without a path.
func endpointPath(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
