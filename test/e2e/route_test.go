//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// installGatewayAPI adds the CRDs of Gateway API until the test ends.
func installGatewayAPI(t *testing.T) {
	t.Helper()
	var out bytes.Buffer
	if err := env.cluster.Project.Script(t.Context(), &out, "hack/crds/files.sh", "gateway-api"); err != nil {
		t.Fatal(err)
	}
	var files []string
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSpace(line); strings.HasSuffix(line, ".yaml") {
			files = append(files, "-f", line)
		}
	}
	t.Cleanup(func() {
		if _, err := env.cluster.Kubectl(context.Background(), append([]string{"delete", "--ignore-not-found", "--wait=false"}, files...)...); err != nil {
			t.Error(err)
		}
	})
	for _, args := range [][]string{{"apply", "--server-side"}, {"wait", "--for=condition=Established", "--timeout=60s"}} {
		if _, err := env.cluster.Kubectl(t.Context(), append(args, files...)...); err != nil {
			t.Fatal(err)
		}
	}
}

// gateway is a Gateway with the certificate of the server's host, and an HTTPRoute
// of the two paths that an Ingress would have.
func (s *server) gateway() []byte {
	return fmt.Appendf(nil, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: %[1]s}
spec:
  gatewayClassName: nginx
  listeners:
  - {name: https, port: 443, protocol: HTTPS, hostname: %[2]s, tls: {certificateRefs: [{name: mcp-tls}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: by-hand, namespace: %[1]s}
spec:
  parentRefs: [{name: public}]
  hostnames: [%[2]s]
  rules:
  - matches:
    - {path: {type: Exact, value: /billing}}
    - {path: {type: Exact, value: /.well-known/oauth-protected-resource/billing}}
    backendRefs: [{name: %[3]s, port: 80}]
`, s.namespace, s.host, serverName)
}

// A server without an Ingress is behind whatever route a team makes to its Service.
func TestAnHTTPRouteLeadsToAServer(t *testing.T) {
	s := newServer(t)
	installGatewayAPI(t)
	s.applyManifest(s.gateway(), nil)
	s.manifest.Spec.Exposure.Ingress = nil
	s.start()
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonClusterLocal)
	if answer := s.call(s.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		t.Errorf("with a token: status %d, want 200", answer.Status)
	}
	if _, err := env.cluster.Kubectl(t.Context(), "-n", s.namespace, "delete", "httproute", "by-hand"); err != nil {
		t.Fatal(err)
	}
	// A host that nothing is routed for has no certificate of its own either.
	s.wait("the host to lead nowhere", func(ctx context.Context) (bool, string, error) {
		_, err := s.probe("").ListTools(ctx)
		_, unknown := errors.AsType[x509.HostnameError](err)
		return unknown, fmt.Sprintf("%v", err), nil
	})
}
