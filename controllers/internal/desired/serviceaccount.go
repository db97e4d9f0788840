package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// maxAnnotation is well below the 256 KiB that the API server lets all annotations of an
// object have: annotations of pods and of an Ingress may come to more.
const maxAnnotation = 192 << 10

// ServiceAccount is an identity without rights: the runtime never talks to the
// API server, and no token is mounted. It also says how and where pods were accepted to
// run, unless there is no room for that: nobody does anything when that changes.
func ServiceAccount(s *v1alpha1.SecuredMCPServer) *corev1ac.ServiceAccountApplyConfiguration {
	account := corev1ac.ServiceAccount(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithAutomountServiceAccountToken(false)
	if accepted := AcceptedOf(s).Workload; len(accepted) <= maxAnnotation {
		account.WithAnnotations(map[string]string{AnnotationAccepted: accepted})
	}
	return account
}
