package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// ServicePort is the port of the Service.
const ServicePort = 80

// Service has the public port alone; the admin port is for the kubelet and the
// operator, who ask pods directly.
func Service(s *v1alpha1.SecuredMCPServer) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(Selector(s)).
			WithPorts(corev1ac.ServicePort().
				WithName(portHTTP).
				WithProtocol(corev1.ProtocolTCP).
				WithAppProtocol("http").
				WithPort(ServicePort).
				WithTargetPort(intstr.FromString(portHTTP))))
}
