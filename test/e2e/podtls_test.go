//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
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

// With one replica there is nothing but the pod that goes and the one that comes, and
// nginx has to be told which of them it reaches, and how, before the first has gone.
func TestTurningTLSOnAndOffLosesNoRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.manifest.Spec.Workload.Replicas = new(int32(1))
	s.start()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	accepted := s.manifest
	turn := func(tls *v1alpha1.PodTLS) func(*v1alpha1.SecuredMCPServerSpec) {
		return func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Exposure.TLS = tls }
	}

	t.Run("on, with a Secret that comes late", func(t *testing.T) {
		s, before := s.at(t), s.podUIDs()[0]
		s.apply(turn(&v1alpha1.PodTLS{SecretName: "pod-tls"}))
		got := s.waitFor("to say that the Secret is missing", func(got *v1alpha1.SecuredMCPServer) bool {
			return strings.Contains(messageOf(got, v1alpha1.ConditionReady), `secret "pod-tls" not found`)
		})
		if !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionAvailable) {
			t.Errorf("want Available while the old pod serves: %s", messageOf(got, v1alpha1.ConditionAvailable))
		}
		s.waitMore(known)
		s.applyManifest(fixture.Certificates(env.authority, []fixture.Certificate{
			{Namespace: s.namespace, Name: "pod-tls", Hosts: []string{serverName + "." + s.namespace + ".svc"}},
		}, s.namespace))
		s.waitReplaced(before)
		s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
		s.wantPorts("https")
	})
	t.Run("off, under a spec that is refused before the pods are replaced", func(t *testing.T) {
		s, before := s.at(t), s.podUIDs()[0]
		s.apply(turn(nil))
		s.waitCondition(v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRollingOut)
		s.apply(turn(nil), func(spec *v1alpha1.SecuredMCPServerSpec) { // a cycle
			spec.Scopes[0].Implies, spec.Scopes[1].Implies = []string{spec.Scopes[1].Name}, []string{spec.Scopes[0].Name}
		})
		s.waitCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
		s.waitReplaced(before)
		s.waitMore(known)
		s.manifest = accepted
		s.apply()
		s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
		s.wantPorts("http")
	})
	s.checkNothingLost(known, unknown)
}

// wantPorts waits until the Service has the ports of these names and no others.
func (s *server) wantPorts(names ...string) {
	s.t.Helper()
	s.wait("the Service to have the ports "+strings.Join(names, ", "), func(ctx context.Context) (bool, string, error) {
		var service corev1.Service
		err := env.cluster.Get(ctx, s.key, &service)
		var got []string
		for _, port := range service.Spec.Ports {
			got = append(got, port.Name)
		}
		return slices.Equal(got, names), strings.Join(got, ", "), err
	})
}
