package manifests_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestThePolicySamplePinsIssuers(t *testing.T) {
	admin := newAdmin(t)
	raw, err := os.ReadFile("../../config/samples/policies/pin-issuers.yaml")
	must(t, err)
	for document := range bytes.SplitSeq(raw, []byte("\n---\n")) {
		o := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal(document, &o.Object))
		must(t, admin.Create(t.Context(), o))
		t.Cleanup(func() { must(t, admin.Delete(context.Background(), o)) })
	}
	must(t, admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:        "pinned",
		Annotations: map[string]string{"securedmcp.dev/allowed-issuers": "https://auth.example.com, https://other.example.com"},
	}}))
	createNamespace(t, admin, "unpinned")

	try := func(namespace, issuer string) string {
		s := sample(t)
		s.Namespace, s.Spec.Issuer = namespace, issuer
		if err := admin.Create(t.Context(), s, client.DryRunAll); err != nil {
			return err.Error()
		}
		return ""
	}
	const evil = "https://evil.example.com"
	wait(t, "the policy to be in force", func() bool { return try("pinned", evil) != "" })
	if got, want := try("pinned", evil), "spec.issuer: "+evil+" is not allowed in this namespace; allowed: https://auth.example.com, https://other.example.com"; !strings.Contains(got, want) {
		t.Errorf("message %q, want %q in it", got, want)
	}
	for _, issuer := range []string{"https://auth.example.com", "https://other.example.com"} {
		if got := try("pinned", issuer); got != "" {
			t.Errorf("%s was refused: %s", issuer, got)
		}
	}
	if got, want := try("unpinned", "https://auth.example.com"), "allowed: none"; !strings.Contains(got, want) {
		t.Errorf("message %q, want %q in it", got, want)
	}
}
