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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestThePolicySamplePinsIssuers(t *testing.T) {
	admin := newAdmin(t)
	installPolicy(t, admin, "pin-issuers")
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

func installPolicy(t *testing.T, admin client.Client, name string) {
	t.Helper()
	raw, err := os.ReadFile("../../config/samples/policies/" + name + ".yaml")
	must(t, err)
	for document := range bytes.SplitSeq(raw, []byte("\n---\n")) {
		o := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal(document, &o.Object))
		must(t, admin.Create(t.Context(), o))
		t.Cleanup(func() { must(t, admin.Delete(context.Background(), o)) })
	}
}

// The policy leaves the operator the one change of pods that it makes.
func TestThePolicySampleBoundsTheOperator(t *testing.T) {
	admin := newAdmin(t)
	install(t, admin)
	installPolicy(t, admin, "bound-operator")
	createNamespace(t, admin, "pods")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "pods", Labels: map[string]string{"app": "a"}, Annotations: map[string]string{"example.com/a": "1"}},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "a", Image: "a:1", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			}}},
		},
	}
	must(t, admin.Create(t.Context(), pod))
	operator := clientAs(t, release)
	try := func(c client.Client, patch string) string {
		if err := c.Patch(t.Context(), pod.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, []byte(patch)), client.DryRunAll); err != nil {
			return err.Error()
		}
		return ""
	}
	const image = `{"spec":{"containers":[{"name":"a","image":"evil:1"}]}}`
	var answer string
	defer func() {
		if t.Failed() {
			t.Log("last answer:", answer)
		}
	}()
	wait(t, "the policy to be in force", func() bool {
		answer = try(operator, image)
		return strings.Contains(answer, "may not change the spec")
	})
	tests := map[string]struct{ patch, want string }{
		"the revision of the configuration": {`{"metadata":{"annotations":{"securedmcp.dev/config-revision":"1"}}}`, ""},
		"another annotation":                {`{"metadata":{"annotations":{"example.com/b":"1"}}}`, "config-revision alone"},
		"an annotation that is there":       {`{"metadata":{"annotations":{"example.com/a":"2"}}}`, "config-revision alone"},
		"an annotation that goes":           {`{"metadata":{"annotations":{"example.com/a":null}}}`, "config-revision alone"},
		"a label":                           {`{"metadata":{"labels":{"app":"b"}}}`, "may not change the labels"},
		"all labels":                        {`{"metadata":{"labels":{"$patch":"replace"}}}`, "may not change the labels"},
		"a finalizer":                       {`{"metadata":{"finalizers":["example.com/x"]}}`, "may not change the labels, finalizers"},
		"an owner":                          {`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"b","uid":"1"}]}}`, "or owners of pods"},
		"the image":                         {image, "may not change the spec"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := try(operator, test.patch); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("answer %q, want %q in it", got, test.want)
			}
			if got := try(admin, test.patch); got != "" {
				t.Errorf("an administrator is refused: %s", got)
			}
		})
	}
}

// clientAs acts as a ServiceAccount of the chart.
func clientAs(t *testing.T, account string) client.Client {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfigOf(t, account))
	must(t, err)
	c, err := client.New(cfg, client.Options{})
	must(t, err)
	return c
}
