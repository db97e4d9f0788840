package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// ConfigKey is the key of the encoded RuntimeConfig.
const ConfigKey = "config.json"

// ConfigMap holds an encoded RuntimeConfig, and what it was rendered from.
func ConfigMap(s *v1alpha1.SecuredMCPServer, config []byte) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithData(map[string]string{ConfigKey: string(config), AcceptedKey: AcceptedOf(s).Policy})
}
