package manifests_test

import (
	"bytes"
	"context"
	"os"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
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

// Tokens of a pinned issuer are those that are signed with its keys.
func TestThePolicySamplePinsKeys(t *testing.T) {
	admin := newAdmin(t)
	installPolicy(t, admin, "pin-issuers")
	const issuer, keys = "https://auth.example.com", "https://keys.example.com/jwks"
	for namespace, allowed := range map[string]string{"keys-of-the-metadata": "", "keys-elsewhere": "https://other.example.com/jwks, " + keys} {
		annotations := map[string]string{"securedmcp.dev/allowed-issuers": issuer}
		if allowed != "" {
			annotations["securedmcp.dev/allowed-jwks-uris"] = allowed
		}
		must(t, admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Annotations: annotations}}))
	}
	try := func(namespace, issuer, uri string) string {
		s := sample(t)
		s.Namespace, s.Spec.Issuer, s.Spec.Tokens.JWKSURI = namespace, issuer, uri
		if err := admin.Create(t.Context(), s, client.DryRunAll); err != nil {
			return err.Error()
		}
		return ""
	}
	wait(t, "the policy to be in force", func() bool { return try("keys-elsewhere", "https://evil.example.com", "") != "" })
	const evil = "https://evil.example.com/jwks"
	for _, test := range []struct{ namespace, uri, want string }{
		{"keys-of-the-metadata", "", ""},
		{"keys-of-the-metadata", evil, "spec.tokens.jwksURI: " + evil + " is not allowed in this namespace; allowed: none"},
		{"keys-of-the-metadata", issuer + "/jwks", "allowed: none"},
		{"keys-elsewhere", "", ""},
		{"keys-elsewhere", keys, ""},
		{"keys-elsewhere", evil, "allowed: https://other.example.com/jwks, " + keys},
	} {
		if got := try(test.namespace, issuer, test.uri); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s with jwksURI %q: message %q, want %q in it", test.namespace, test.uri, got, test.want)
		}
	}
}

// The policy knows every field that names a Secret of which the pods are given
// something.
func TestThePolicySamplePinsSecrets(t *testing.T) {
	admin := newAdmin(t)
	installPolicy(t, admin, "pin-secrets")
	must(t, admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "few-secrets", Annotations: map[string]string{"securedmcp.dev/allowed-secrets": "client, key, redis, collector, pods"},
	}}))
	createNamespace(t, admin, "no-secrets")
	ref := func(name string) *v1alpha1.SecretKeyRef { return &v1alpha1.SecretKeyRef{Name: name, Key: "value"} }
	fields := map[string]func(*v1alpha1.SecuredMCPServerSpec){
		"client": func(s *v1alpha1.SecuredMCPServerSpec) {
			s.Tokens.Type = v1alpha1.TokenTypeOpaque
			s.Tokens.Introspection = &v1alpha1.Introspection{ClientID: "mcp", AuthMethod: v1alpha1.ClientSecretBasic, ClientSecretRef: ref("client")}
		},
		"key": func(s *v1alpha1.SecuredMCPServerSpec) {
			s.Tokens.Type = v1alpha1.TokenTypeOpaque
			s.Tokens.Introspection = &v1alpha1.Introspection{ClientID: "mcp", AuthMethod: v1alpha1.PrivateKeyJWT, PrivateKeyRef: ref("key")}
		},
		"redis": func(s *v1alpha1.SecuredMCPServerSpec) {
			s.RateLimit = &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{Address: "redis:6379", PasswordRef: ref("redis")}}
		},
		"collector": func(s *v1alpha1.SecuredMCPServerSpec) {
			s.Telemetry.Tracing = &v1alpha1.Tracing{Endpoint: "https://collector:4318", HeadersRef: ref("collector")}
		},
		"pods": func(s *v1alpha1.SecuredMCPServerSpec) { s.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pods"} },
	}
	try := func(namespace, field string) string {
		s := sample(t)
		s.Namespace = namespace
		fields[field](&s.Spec)
		for _, reference := range render.References(&s.Spec) {
			if reference.Kind == render.KindSecret && reference.Name != field {
				t.Errorf("%s names the Secret %s", field, reference.Name)
			}
		}
		if err := admin.Create(t.Context(), s, client.DryRunAll); err != nil {
			return err.Error()
		}
		return ""
	}
	// A policy of another test may be in force a moment longer.
	wait(t, "the policy to be in force, and no other", func() bool {
		return strings.Contains(try("no-secrets", "redis"), "Secrets that") && try("few-secrets", "redis") == ""
	})
	for field := range fields {
		if got := try("few-secrets", field); got != "" {
			t.Errorf("the Secret %s was refused: %s", field, got)
		}
		if got, want := try("no-secrets", field), "Secrets that are not allowed in this namespace: "+field+"; allowed: none"; !strings.Contains(got, want) {
			t.Errorf("%s: message %q, want %q in it", field, got, want)
		}
	}
	// The certificate of the pods is the one that is no SecretKeyRef.
	if got := secretRefs(reflect.TypeFor[v1alpha1.SecuredMCPServerSpec]()); got != len(fields)-1 {
		t.Errorf("the API has %d fields of type SecretKeyRef, and the policy is tried with %d", got, len(fields)-1)
	}
}

// secretRefs counts the fields that name a key of a Secret.
func secretRefs(t reflect.Type) int {
	switch {
	case t == reflect.TypeFor[v1alpha1.SecretKeyRef]():
		return 1
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Map:
		return secretRefs(t.Elem())
	case t.Kind() != reflect.Struct || !strings.HasPrefix(t.PkgPath(), "github.com/securedmcp/"):
		return 0
	}
	n := 0
	for field := range t.Fields() {
		n += secretRefs(field.Type)
	}
	return n
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
