package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Service has the public port alone; the admin port is for the kubelet and the
// operator, who ask pods directly. With others there are pods of before a change of
// exposure.tls, and their port too: each has the pods behind it that have a port of
// its name.
func Service(s *v1alpha1.SecuredMCPServer, others bool) *corev1ac.ServiceApplyConfiguration {
	spec := corev1ac.ServiceSpec().
		WithType(corev1.ServiceTypeClusterIP).
		WithSelector(Ours(s))
	for _, public := range publicPorts(s, others) {
		spec.WithPorts(corev1ac.ServicePort().
			WithName(public.name).
			WithProtocol(corev1.ProtocolTCP).
			WithAppProtocol(public.name).
			WithPort(public.service).
			WithTargetPort(intstr.FromString(public.name)))
	}
	return corev1ac.Service(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(spec)
}
