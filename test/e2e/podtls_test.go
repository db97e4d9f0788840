//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
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

// Pods that speak another protocol replace those of before, which clients are led to
// until the first of the others takes requests: for as long as the Secret is missing.
func TestTurningPodTLSOnAndOffLosesNoRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	before := s.podUIDs()
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"} })
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRollingOut)
	s.waitFor("to say which Secret is missing", func(got *v1alpha1.SecuredMCPServer) bool {
		c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionAvailable)
		return c != nil && c.Status == metav1.ConditionTrue && strings.Contains(c.Message, `secret "pod-tls" not found`)
	})
	s.waitPorts("http", "https")
	s.waitMore(known)

	host := serverName + "." + s.namespace + ".svc"
	s.applyManifest(fixture.Certificates(env.authority, []fixture.Certificate{{Namespace: s.namespace, Name: "pod-tls", Hosts: []string{host}}}, s.namespace))
	for _, uid := range before {
		s.waitReplaced(uid)
	}
	s.start().waitPorts("https")
	before = s.podUIDs()
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Exposure.TLS = nil })
	for _, uid := range before {
		s.waitReplaced(uid)
	}
	s.start().waitPorts("http")
	s.checkNothingLost(known, unknown)
}

// waitPorts waits until the Service has the ports of these names and no others.
func (s *server) waitPorts(names ...string) {
	s.t.Helper()
	s.wait(fmt.Sprintf("the Service to have the ports %v", names), func(ctx context.Context) (bool, string, error) {
		service := new(corev1.Service)
		err := env.cluster.Get(ctx, s.key, service)
		var got []string
		for _, port := range service.Spec.Ports {
			got = append(got, port.Name)
		}
		slices.Sort(got)
		return slices.Equal(got, names), fmt.Sprint(got), err
	})
}
