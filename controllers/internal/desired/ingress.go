package desired

import (
	"maps"
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
		WithTLS(networkingv1ac.IngressTLS().WithHosts(host).WithSecretName(certificateSecret(s))).
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
		WithAnnotations(annotations(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(spec)
}

// annotationBackendProtocol has ingress-nginx speak TLS to the pods. Others go by
// the name, the number or the appProtocol of the Service's port.
const (
	annotationBackendProtocol = "nginx.ingress.kubernetes.io/backend-protocol"
	backendHTTPS              = "HTTPS"
	backendHTTP               = "HTTP"
)

// annotations are those that were asked for and, unless it is among them, the
// protocol that pods with TLS speak.
func annotations(s *v1alpha1.SecuredMCPServer) map[string]string {
	given := s.Spec.Exposure.Ingress.Annotations
	if s.Spec.Exposure.TLS == nil {
		return given
	}
	all := map[string]string{annotationBackendProtocol: backendHTTPS}
	maps.Copy(all, given)
	return all
}

// OwnIngressAnnotation tells whether the operator puts this annotation on
// Ingresses, whoever asked for it too.
func OwnIngressAnnotation(name, value string) bool {
	return name == annotationBackendProtocol && value == backendHTTPS
}

func exactly(s *v1alpha1.SecuredMCPServer, path string) *networkingv1ac.HTTPIngressPathApplyConfiguration {
	return networkingv1ac.HTTPIngressPath().
		WithPath(path).
		WithPathType(networkingv1.PathTypeExact).
		WithBackend(networkingv1ac.IngressBackend().
			WithService(networkingv1ac.IngressServiceBackend().
				WithName(s.Name).
				WithPort(networkingv1ac.ServiceBackendPort().WithName(publicPort(s).name))))
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
