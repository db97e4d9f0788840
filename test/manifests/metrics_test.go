package manifests_test

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func tokenOf(t *testing.T, c client.Client, account *corev1.ServiceAccount) string {
	t.Helper()
	request := new(authenticationv1.TokenRequest)
	must(t, c.SubResource("token").Create(t.Context(), account, request))
	return request.Status.Token
}

func bindMetricsReader(t *testing.T, c client.Client, account *corev1.ServiceAccount) {
	t.Helper()
	must(t, client.IgnoreAlreadyExists(c.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: release + "-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})))
}
