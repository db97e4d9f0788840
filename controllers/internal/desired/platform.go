package desired

import (
	"cmp"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Platform is what the administrator of the cluster has decided for all servers.
type Platform struct {
	// RuntimeImage runs the servers that name no image.
	RuntimeImage string
	// OperatorNamespace is where the operator's pods ask the admin ports from.
	// Empty is none: the operator runs outside of the cluster.
	OperatorNamespace string
	// MonitoringNamespaces may read metrics from the admin ports.
	MonitoringNamespaces []string
}

// MinReplicas is the least number of pods that s asks for.
func MinReplicas(s *v1alpha1.SecuredMCPServer) int32 {
	if a := s.Spec.Workload.Autoscaling; a != nil {
		return cmp.Or(a.MinReplicas, DefaultReplicas)
	}
	return Replicas(s)
}
