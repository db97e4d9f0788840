package desired

import (
	"encoding/json"
	"strings"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	// AcceptedKey is the key of Accepted.Policy in the ConfigMap.
	AcceptedKey = "accepted.json"
	// AnnotationAccepted on the ServiceAccount has Accepted.Workload.
	AnnotationAccepted = "securedmcp.dev/accepted"
)

// Accepted is a spec that children were made of, in two halves of JSON. That of the policy
// is beside what it is rendered to, so that keeping it is no write more for a new server
// or a new policy, and the other where nobody does anything when it changes. See docs/decisions/0056-the-accepted-spec-is-kept.md.
type Accepted struct {
	// Policy is what the configuration is rendered from, and nothing else is made of:
	// all but Workload.
	Policy string
	// Workload is how and where pods run: spec.exposure, monitoring, and workload but
	// for its logLevel.
	Workload string
}

// AcceptedOf returns both halves of the spec of s.
func AcceptedOf(s *v1alpha1.SecuredMCPServer) Accepted {
	policy := s.Spec
	policy.Exposure, policy.Monitoring = v1alpha1.Exposure{}, nil
	policy.Workload = v1alpha1.Workload{LogLevel: s.Spec.Workload.LogLevel}
	workload := v1alpha1.SecuredMCPServerSpec{Workload: s.Spec.Workload, Exposure: s.Spec.Exposure, Monitoring: s.Spec.Monitoring}
	workload.Workload.LogLevel = ""
	return Accepted{Policy: encoded(&policy), Workload: encoded(&workload)}
}

// encoded leaves schemas as they are, to the byte: they are part of the revision.
func encoded(spec *v1alpha1.SecuredMCPServerSpec) string {
	var raw strings.Builder
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(spec); err != nil {
		panic(err) // it has been decoded from JSON
	}
	return strings.TrimSuffix(raw.String(), "\n")
}

// Of returns s with the spec that both halves make up, nil unless both are known.
func (a Accepted) Of(s *v1alpha1.SecuredMCPServer) (*v1alpha1.SecuredMCPServer, error) {
	if a.Policy == "" || a.Workload == "" {
		return nil, nil
	}
	accepted := s.DeepCopy()
	accepted.Spec = v1alpha1.SecuredMCPServerSpec{}
	for _, half := range []string{a.Policy, a.Workload} {
		if err := json.Unmarshal([]byte(half), &accepted.Spec); err != nil {
			return nil, err
		}
	}
	return accepted, nil
}

// WithWorkloadOf returns s with how and where pods run as other has it.
func WithWorkloadOf(s, other *v1alpha1.SecuredMCPServer) (*v1alpha1.SecuredMCPServer, error) {
	return Accepted{Policy: AcceptedOf(s).Policy, Workload: AcceptedOf(other).Workload}.Of(s)
}
