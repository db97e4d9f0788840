//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/fixture"
)

// The Secret comes late, as one that cert-manager makes does.
func TestPodsSpeakTLSOnceTheirSecretIsThere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls", MinVersion: v1alpha1.TLSv13}
	})
	message := s.waitCondition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonSecretMissing)
	if !strings.Contains(message, "spec.exposure.tls.secretName") || !strings.Contains(message, `secret "pod-tls" not found`) {
		t.Errorf("the message does not say what is missing: %s", message)
	}

	host := serverName + "." + s.namespace + ".svc"
	s.applyManifest(fixture.Certificates(env.authority, []fixture.Certificate{{Namespace: s.namespace, Name: "pod-tls", Hosts: []string{host}}}, s.namespace))
	s.start()
	if answer := s.call(s.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		t.Errorf("through the Ingress: status %d, want 200", answer.Status)
	}

	var service corev1.Service
	if err := env.cluster.Get(t.Context(), s.key, &service); err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(service.Spec.ClusterIP, "443")
	dial := func(c *tls.Config) error {
		c.RootCAs, c.ServerName = env.authority.Pool(), host
		conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	if err := dial(&tls.Config{}); err != nil {
		t.Errorf("at the Service, with the Secret's certificate: %v", err)
	}
	if err := dial(&tls.Config{MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is spoken below a minimum of 1.3")
	}
}
