package controllers

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// tlsInShort is, in the pods that the cache holds, what stands for a port that speaks
// TLS. The API server lets no annotation have a space.
const tlsInShort = "speaks TLS"

// speaksTLS tells whether p, as the cache has it, is made to speak TLS.
func speaksTLS(p *corev1.Pod) bool {
	_, ok := p.Annotations[tlsInShort]
	return ok
}

// changeover is how far pods are with a change of exposure.tls, for which they are
// replaced. Until it is over, clients of both protocols are let in; and what leads
// clients here leads them to pods that serve, which a Secret that is missing keeps
// the new ones from.
type changeover struct {
	// others tells that there are pods that speak the protocol of before.
	others bool
	// served tells that one that speaks what the spec asks for takes requests.
	served bool
}

func (s *scope) changeover() changeover {
	wanted := s.server.Spec.Exposure.TLS != nil
	return changeover{
		others: slices.ContainsFunc(s.pods, func(p corev1.Pod) bool { return speaksTLS(&p) != wanted && !isOver(&p) }),
		served: slices.ContainsFunc(s.pods, func(p corev1.Pod) bool {
			return speaksTLS(&p) == wanted && takesRequests(&p) && p.DeletionTimestamp.IsZero()
		}),
	}
}

// routed is the server that routes are to be of: server, or while none of its pods
// serves what server asks for, server as it was.
func (c changeover) routed(server *v1alpha1.SecuredMCPServer) *v1alpha1.SecuredMCPServer {
	if !c.others || c.served {
		return server
	}
	return desired.BeforeChangeover(server)
}
