//go:build e2e

package e2e_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const issuerName = "company"

// certManager starts cert-manager on the cluster, or ends it.
func certManager(t *testing.T, what string) {
	t.Helper()
	if err := env.cluster.Project.Script(context.Background(), t.Output(), "hack/certmanager/run.sh", what); err != nil {
		t.Fatal(err)
	}
}

// issuer is an Issuer that signs with the authority which the tests trust.
func (s *server) issuer() ([]byte, error) {
	folder := env.cluster.Project.Path("dist", "demo")
	cert, err := os.ReadFile(folder + "/ca.crt")
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(folder + "/ca.key")
	if err != nil {
		return nil, err
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: company-ca, namespace: %[1]s}
data: {tls.crt: %[3]s, tls.key: %[4]s}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: %[2]s, namespace: %[1]s}
spec: {ca: {secretName: company-ca}}
`, s.namespace, issuerName, encode(cert), encode(key)), nil
}

// certificate is what clients are shown, if it is one that they trust.
func (s *server) certificate(ctx context.Context) (*x509.Certificate, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.manifest.Spec.Resource, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	return response.TLS.PeerCertificates[0], response.Body.Close()
}

// waitCertificate waits until clients are shown another certificate than before,
// and returns it.
func (s *server) waitCertificate(before *x509.Certificate) *x509.Certificate {
	s.t.Helper()
	var now *x509.Certificate
	s.wait("another certificate to be served", func(ctx context.Context) (bool, string, error) {
		var err error
		if now, err = s.certificate(ctx); err != nil {
			return false, err.Error(), nil
		}
		return !now.Equal(before), "the same as before", nil
	})
	return now
}

func (s *server) child(apiVersion, kind string) *unstructured.Unstructured {
	o := new(unstructured.Unstructured)
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(s.namespace)
	o.SetName(serverName)
	return o
}

// Not parallel: cert-manager is not there at first.
func TestCertManagerMakesTheCertificate(t *testing.T) {
	certManager(t, "down")
	s := newServer(t)
	t.Cleanup(func() { certManager(t, "down") })
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{IssuerRef: &v1alpha1.IssuerRef{Name: issuerName}}
	})
	message := s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonAPIMissing)
	if !strings.Contains(message, "install cert-manager") {
		t.Errorf("the message does not say what to install: %s", message)
	}
	certManager(t, "up")
	s.waitFor("to say why there is no certificate", func(got *v1alpha1.SecuredMCPServer) bool {
		for _, c := range got.Status.Conditions {
			if c.Type == v1alpha1.ConditionExposed && c.Reason == v1alpha1.ReasonCertificatePending {
				return strings.Contains(c.Message, "Secret does not exist") // cert-manager's own words
			}
		}
		return false
	})

	s.applyManifest(s.issuer())
	s.start()
	if answer := s.call(s.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		t.Errorf("with the issuer's certificate: status %d, want 200", answer.Status)
	}
	first := s.waitCertificate(nil)
	if len(first.DNSNames) != 1 || first.DNSNames[0] != s.host {
		t.Errorf("the certificate is for %v, want %s alone", first.DNSNames, s.host)
	}

	if _, err := env.cluster.Kubectl(t.Context(), "-n", s.namespace, "delete", "secret", serverName+"-securedmcp-tls"); err != nil {
		t.Fatal(err)
	}
	second := s.waitCertificate(first)
	s.start()

	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{SecretName: "mcp-tls"}
	})
	s.waitGone(s.child("cert-manager.io/v1", "Certificate"))
	s.waitCertificate(second)
	s.start()
	if answer := s.call(s.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		t.Errorf("with the Secret's certificate: status %d, want 200", answer.Status)
	}
}
