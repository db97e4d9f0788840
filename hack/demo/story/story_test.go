package story

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestOptionsComeFromTheEnvironment(t *testing.T) {
	cases := map[string]struct {
		environment map[string]string
		want        Options
	}{
		"nothing set means a local cluster": {nil, Options{ImagePrefix: "ghcr.io/securedmcp", ImageTag: "dev", Domain: "example.com"}},
		"all of it can be set": {
			map[string]string{
				"DEMO_KUBECONFIG": "/k", "DEMO_IMAGE_PREFIX": "registry.example.com/x", "DEMO_IMAGE_TAG": "v1",
				"DEMO_DOMAIN": "example.org", "DEMO_INGRESS_ADDRESS": "192.0.2.1",
			},
			Options{Kubeconfig: "/k", ImagePrefix: "registry.example.com/x", ImageTag: "v1", Domain: "example.org", IngressAddress: "192.0.2.1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := FromEnvironment(func(name string) string { return tc.environment[name] }, nil)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
			for name := range tc.environment {
				if !strings.Contains(Usage, name) {
					t.Errorf("the help text lacks %s", name)
				}
			}
		})
	}
}

func readSample(t *testing.T) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "samples", "billing-tools.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decodeServer(t *testing.T, raw []byte) *v1alpha1.SecuredMCPServer {
	t.Helper()
	server := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict(raw, server); err != nil {
		t.Fatal(err)
	}
	return server
}

func TestMoveScopeChangesOneToolAndNothingElse(t *testing.T) {
	sample := readSample(t)
	moved, err := MoveScope(sample)
	if err != nil {
		t.Fatal(err)
	}
	want := decodeServer(t, sample)
	want.Spec.Scopes = append(want.Spec.Scopes, v1alpha1.Scope{Name: "invoices:void", Description: "Void invoices"})
	want.Spec.Tools[1].Scopes = []string{"invoices:void"}
	if diff := cmp.Diff(want, decodeServer(t, moved)); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}

func TestMoveScopeWantsTheTool(t *testing.T) {
	if _, err := MoveScope([]byte("spec: {tools: [{name: other}]}")); err == nil {
		t.Error("want an error for a manifest without void_invoice")
	}
}

// The names in the story are those of the sample.
func TestTheStoryIsAboutTheSample(t *testing.T) {
	sample := decodeServer(t, readSample(t))
	s := &story{Options: Options{Domain: sampleDomain}}
	got := []string{sample.Namespace, sample.Name, sample.Spec.Resource, sample.Spec.Issuer, sample.Spec.Exposure.Ingress.ClassName}
	want := []string{billingNamespace, serverName, s.endpoint(), "https://" + s.authHost(), ingressClass}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("namespace, name, resource, issuer, class (-story +sample):\n%s", diff)
	}
}

func TestCommandLinesCanBePasted(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"plain words":             {[]string{"apply", "-f", "a.yaml"}, "kubectl apply -f a.yaml"},
		"what a shell would read": {[]string{"--set", "a={b}", "x y"}, "kubectl --set 'a={b}' 'x y'"},
		"an escaped dot":          {[]string{`a\.b`}, `kubectl 'a\.b'`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := commandLine("kubectl", tc.args); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestAFailureSaysWhichStepWhyAndWhatToDo(t *testing.T) {
	before := steps
	t.Cleanup(func() { steps = before })
	steps = []step{
		{"Works", func(*story, context.Context) error { return nil }},
		{"Breaks", func(*story, context.Context) error { return advise(errors.New("no such host"), "plug it in") }},
		{"Never runs", func(*story, context.Context) error { panic("ran") }},
	}
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Out: &out}); !errors.Is(err, ErrFailed) {
		t.Fatalf("got %v, want ErrFailed", err)
	}
	for _, want := range []string{"✗ step 2 failed: Breaks", "why: no such host", "do:  plug it in"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
}

func TestAnExistingClusterThatDoesNotAnswerIsSaid(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(`{apiVersion: v1, kind: Config, current-context: x,
contexts: [{name: x, context: {cluster: x, user: x}}], users: [{name: x, user: {}}], clusters: [{name: x, cluster: {server: "http://127.0.0.1:1"}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Kubeconfig: kubeconfig, Domain: sampleDomain, Out: &out}); !errors.Is(err, ErrFailed) {
		t.Fatalf("got %v, want ErrFailed", err)
	}
	if !strings.Contains(out.String(), "step 1 failed") || !strings.Contains(out.String(), kubeconfig) {
		t.Errorf("want the step and the kubeconfig:\n%s", &out)
	}
}

func TestAnInterruptedStorySaysSo(t *testing.T) {
	before := steps
	t.Cleanup(func() { steps = before })
	ctx, cancel := context.WithCancel(t.Context())
	steps = []step{{"Waits", func(_ *story, ctx context.Context) error { cancel(); return ctx.Err() }}}
	var out bytes.Buffer
	if err := Run(ctx, Options{Out: &out}); !errors.Is(err, ErrFailed) || !strings.Contains(out.String(), "it was interrupted") {
		t.Errorf("got %v:\n%s", err, &out)
	}
}
