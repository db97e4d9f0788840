package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Service has the public port alone; the admin port is for the kubelet and the
// operator, who ask pods directly.
func Service(s *v1alpha1.SecuredMCPServer) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(Ours(s)).
			WithPorts(servicePort(publicPort(s))))
}

func servicePort(public listener) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().
		WithName(public.name).
		WithProtocol(corev1.ProtocolTCP).
		WithAppProtocol(public.name).
		WithPort(public.service).
		WithTargetPort(intstr.FromString(public.name))
}

// listener is the public port: of the container, and of the Service.
type listener struct {
	// name is that of the port and also the protocol that it speaks.
	name               string
	container, service int32
}

// Plain HTTP and TLS have ports of their own, so that while pods are replaced nobody
// is sent to one that does not speak the protocol.
var (
	plain  = listener{portHTTP, httpPort, 80}
	secure = listener{PortHTTPS, httpsPort, 443}
)

func publicPort(s *v1alpha1.SecuredMCPServer) listener { return listenerOf(s.Spec.Exposure.TLS != nil) }

func listenerOf(tls bool) listener {
	if tls {
		return secure
	}
	return plain
}
