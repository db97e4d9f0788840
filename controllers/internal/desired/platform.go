package desired

import (
	"cmp"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
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
	// Cluster says how names of Services end.
	Cluster render.Cluster
	// DNSNamespaces are where pods with declared egress may ask for names. Empty
	// is any address at the port of DNS: who answers, and where, differs from
	// cluster to cluster.
	DNSNamespaces []string
}

// MinReplicas is the least number of pods that s asks for.
func MinReplicas(s *v1alpha1.SecuredMCPServer) int32 {
	if a := s.Spec.Workload.Autoscaling; a != nil {
		return cmp.Or(a.MinReplicas, DefaultReplicas)
	}
	return Replicas(s)
}
