package scale

import (
	"os"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/test/kubetest"
)

// operatorToken gives the operator the rights that its manifests do, and returns a
// token of its ServiceAccount. That is who it is in a cluster: a certificate is
// verified with each request, a token is remembered, and rights are looked up.
func operatorToken(b *testing.B, c client.Client) string {
	b.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "securedmcp-operator", Namespace: "securedmcp-system"}}
	must(b, c.Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: account.Namespace}}))
	must(b, c.Create(b.Context(), account))
	for _, file := range []string{"role.yaml", "role_binding.yaml"} {
		manifests, err := os.ReadFile("../../../config/rbac/" + file)
		must(b, err)
		for _, o := range kubetest.Objects(b, manifests) {
			must(b, c.Create(b.Context(), o))
		}
	}
	const longer = 24 * 60 * 60 // seconds; no run takes so long
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(longer))}}
	must(b, c.SubResource("token").Create(b.Context(), account, request))
	return request.Status.Token
}
