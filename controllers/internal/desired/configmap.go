package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// ConfigKey is the key of the encoded RuntimeConfig.
const ConfigKey = "config.json"

// maxData is what the API server lets a ConfigMap have.
const maxData = 1 << 20

// ConfigMap holds an encoded RuntimeConfig, and what it was rendered from unless there is
// no room for that, too: pods need the one, and a revocation that made it too large would
// reach nobody.
func ConfigMap(s *v1alpha1.SecuredMCPServer, config []byte) *corev1ac.ConfigMapApplyConfiguration {
	data := map[string]string{ConfigKey: string(config)}
	if accepted := AcceptedOf(s).Policy; len(config)+len(accepted) <= maxData {
		data[AcceptedKey] = accepted
	}
	return corev1ac.ConfigMap(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithData(data)
}
