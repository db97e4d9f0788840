//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
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

// gateway is a Gateway with the certificate of the server's host.
func (s *server) gateway() []byte {
	return fmt.Appendf(nil, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: %[1]s}
spec:
  gatewayClassName: nginx
  listeners:
  - {name: https, port: 443, protocol: HTTPS, hostname: %[2]s, tls: {certificateRefs: [{name: mcp-tls}]}}
`, s.namespace, s.host)
}

// Whatever leads to a server, and while that changes, its clients notice nothing.
// What stands for a Gateway's controller is the local cluster's, with nginx behind.
func TestASwitchFromIngressToGatewayLosesNoRequest(t *testing.T) {
	s := newServer(t).start()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)

	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.Exposure.Ingress, spec.Exposure.Gateway = nil, &v1alpha1.Gateway{ParentRefs: []v1alpha1.ParentRef{{Name: "public"}}}
	})
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonAPIMissing)
	installGatewayAPI(t)
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonRoutePending)
	if err := env.cluster.Get(t.Context(), s.key, new(networkingv1.Ingress)); err != nil {
		t.Errorf("want the Ingress to stay until a Gateway takes the route: %v", err)
	}
	s.applyManifest(s.gateway(), nil)
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonExposed)
	s.waitGone(&networkingv1.Ingress{ObjectMeta: objectMeta(s.namespace, serverName)})
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	s.checkNothingLost(known, unknown)

	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Exposure = v1alpha1.Exposure{} })
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonClusterLocal)
	s.waitGone(s.child("gateway.networking.k8s.io/v1", "HTTPRoute"))
	// A host that nothing is routed for has no certificate of its own either.
	s.wait("the host to lead nowhere", func(ctx context.Context) (bool, string, error) {
		_, err := s.probe("").ListTools(ctx)
		_, unknown := errors.AsType[x509.HostnameError](err)
		return unknown, fmt.Sprintf("%v", err), nil
	})
}
