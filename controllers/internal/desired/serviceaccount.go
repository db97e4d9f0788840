package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// ServiceAccount is an identity without rights: the runtime never talks to the
// API server, and no token is mounted. It also says how and where pods were accepted to
// run: nobody does anything when that changes.
func ServiceAccount(s *v1alpha1.SecuredMCPServer) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithAnnotations(map[string]string{AnnotationAccepted: AcceptedOf(s).Workload}).
		WithOwnerReferences(owner(s)).
		WithAutomountServiceAccountToken(false)
}
