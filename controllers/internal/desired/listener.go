package desired

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// listener is the public port: of the container, and of the Service.
type listener struct {
	// name is that of the port and also the protocol that it speaks.
	name               string
	container, service int32
}

// publicPort returns another port for TLS, so that while pods are replaced nobody
// is sent to one that does not speak the protocol.
func publicPort(s *v1alpha1.SecuredMCPServer) listener {
	if s.Spec.Exposure.TLS != nil {
		return listener{portHTTPS, httpsPort, 443}
	}
	return listener{portHTTP, httpPort, 80}
}

// publicPorts are the public port and, while there are pods of before a change of
// exposure.tls, theirs.
func publicPorts(s *v1alpha1.SecuredMCPServer, others bool) []listener {
	ports := []listener{publicPort(s)}
	if others {
		ports = append(ports, publicPort(BeforeChangeover(s)))
	}
	return ports
}

// BeforeChangeover returns s as it was, in what routes are made of, before
// exposure.tls was turned on or off.
func BeforeChangeover(s *v1alpha1.SecuredMCPServer) *v1alpha1.SecuredMCPServer {
	before := s.DeepCopy()
	before.Spec.Exposure.TLS = nil
	if s.Spec.Exposure.TLS == nil {
		before.Spec.Exposure.TLS = &v1alpha1.PodTLS{}
	}
	return before
}

// SpeaksTLS tells whether a pod is made to speak TLS.
func SpeaksTLS(spec *corev1.PodSpec) bool {
	for i := range spec.Containers {
		for _, p := range spec.Containers[i].Ports {
			if spec.Containers[i].Name == ContainerName && p.Name == portHTTPS {
				return true
			}
		}
	}
	return false
}
