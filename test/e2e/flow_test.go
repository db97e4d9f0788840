//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/measure"
	"github.com/securedmcp/operator/hack/demo/story"
)

// Not parallel: it installs the operator anew, as on a cluster that it knows
// nothing of. The local cluster is known by the path of its kubeconfig.
func TestTheDemoTellsItsStoryOnAnExistingCluster(t *testing.T) {
	raw, err := os.ReadFile(env.cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	options := story.FromEnvironment(func(name string) string {
		return map[string]string{"DEMO_KUBECONFIG": kubeconfig}[name]
	}, &out)
	defer func() {
		if err := installChart(t.Context()); err != nil {
			t.Fatalf("installing the operator as it was: %v", err)
		}
	}()
	if err := story.Run(t.Context(), options); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"the cluster pulls them by itself", "$ helm upgrade --install", "$ kubectl apply -f config/samples/billing-tools.yaml",
		"< HTTP 401 Unauthorized", "< HTTP 403 Forbidden", `error="insufficient_scope"`, "resource=https://mcp.example.com/billing",
		"code_challenge_method=S256", "✓ INV-2041 is void", "none was restarted", "refused after",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "eyJ") {
		t.Error("the story has escape sequences, or a token")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestAClientGoesFromChallengeToStepUp(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	c, err := client.New(s.manifest.Spec.Resource, s.transport)
	if err != nil {
		t.Fatal(err)
	}
	session, err := c.Connect(t.Context())
	if err != nil {
		t.Fatalf("connecting: %v; sent %v", err, c.Wire.Take())
	}
	defer session.Close()
	s.checkSignIn(c.Wire.Take())
	s.checkTools(session)

	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: lookupTool, Arguments: map[string]any{"invoiceId": "INV-2042"}})
	if err != nil || result.IsError {
		t.Fatalf("looking an invoice up: %v, %+v", err, result)
	}
	want := map[string]any{"id": "INV-2042", "customer": "Contoso", "currency": "USD", "total": "310.00", "status": "open"}
	if diff := cmp.Diff(want, result.StructuredContent); diff != "" {
		t.Errorf("invoice (-want +got):\n%s", diff)
	}

	// Any invoice that does not exist will do: the refusal comes before the API.
	c.Wire.Take()
	result, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: voidTool, Arguments: map[string]any{"invoiceId": noInvoiceID, "reason": "duplicate"}})
	if err != nil {
		t.Fatalf("voiding: %v", err)
	}
	if !result.IsError || !strings.Contains(text(result), "there is no invoice") {
		t.Errorf("want the billing API's own refusal, got %s", text(result))
	}
	refused := client.Find(c.Wire.Take(), func(e client.Exchange) bool { return e.Status == http.StatusForbidden })
	if refused == nil {
		t.Fatal("voiding was not refused first")
	}
	s.checkChallenge(refused.Header.Get("WWW-Authenticate"), "insufficient_scope", readScope, writeScope)
}

func text(result *mcp.CallToolResult) string {
	if len(result.Content) == 0 {
		return ""
	}
	content, _ := result.Content[0].(*mcp.TextContent)
	return content.Text
}

// checkSignIn looks at what a client gets before it has a token.
func (s *server) checkSignIn(record []client.Exchange) {
	s.t.Helper()
	refused := client.Find(record, func(e client.Exchange) bool { return e.Status == http.StatusUnauthorized })
	metadata := client.Find(record, func(e client.Exchange) bool {
		return e.URL.Host == s.host && e.URL.Path == "/.well-known/oauth-protected-resource/billing" && e.Status == http.StatusOK
	})
	asked := client.Find(record, func(e client.Exchange) bool { return e.URL.Host == issuerHost && e.URL.Path == "/authorize" })
	if refused == nil || metadata == nil || asked == nil {
		s.t.Fatalf("want a 401, the metadata and an authorization request, got %v", record)
	}
	s.checkChallenge(refused.Header.Get("WWW-Authenticate"), "", readScope)
	var got map[string]any
	if err := json.Unmarshal(metadata.Body, &got); err != nil {
		s.t.Fatal(err)
	}
	want := map[string]any{
		"resource": s.manifest.Spec.Resource, "authorization_servers": []any{issuerURL}, "resource_name": "Billing Tools",
		"scopes_supported": []any{readScope, writeScope}, "bearer_methods_supported": []any{"header"},
		"securedmcp_scope_descriptions": map[string]any{readScope: "Look invoices up", writeScope: "Change invoices"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("metadata (-want +got):\n%s", diff)
	}
	query := asked.URL.Query()
	sent := []string{query.Get("resource"), query.Get("code_challenge_method"), query.Get("scope")}
	if diff := cmp.Diff([]string{s.manifest.Spec.Resource, "S256", readScope}, sent); diff != "" {
		s.t.Errorf("resource, challenge method, scope of the authorization request (-want +got):\n%s", diff)
	}
}

func (s *server) checkTools(session *mcp.ClientSession) {
	s.t.Helper()
	list, err := session.ListTools(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
	}
	if diff := cmp.Diff([]string{lookupTool, voidTool}, names); diff != "" {
		s.t.Errorf("tools (-want +got):\n%s", diff)
	}
}

// moveScope puts void_invoice behind a scope of its own.
func moveScope(spec *v1alpha1.SecuredMCPServerSpec) {
	spec.Scopes = append(spec.Scopes, v1alpha1.Scope{Name: voidScope, Description: "Void invoices"})
	for i := range spec.Tools {
		if spec.Tools[i].Name == voidTool {
			spec.Tools[i].Scopes = []string{voidScope}
		}
	}
}

func TestAMovedScopeIsEnforcedByThePodsThatRun(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	s.waitStatus(token, voidTool, http.StatusOK)
	before := s.pods()

	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	refused := s.call(token, voidTool, noInvoiceID)
	s.checkChallenge(refused.Challenge, "insufficient_scope", readScope, voidScope)
	s.waitStatus(s.token(readScope, voidScope), voidTool, http.StatusOK)
	if diff := cmp.Diff(before, s.pods()); diff != "" {
		t.Errorf("UID and restarts of the pods (-before +after):\n%s", diff)
	}
}

// pods are UID and restarts by name.
func (s *server) pods() map[string][]any {
	s.t.Helper()
	pods, err := env.cluster.Pods(s.t.Context(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string][]any{}
	for i := range pods {
		out[pods[i].Name] = []any{string(pods[i].UID), measure.Restarts(&pods[i])}
	}
	if len(out) == 0 {
		s.t.Fatal("there are no pods")
	}
	return out
}

func TestTheSampleRunsUnderTheRestrictedStandard(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	// That the pods run shows nothing unless the namespace refuses others.
	err := env.cluster.Create(t.Context(), &corev1.Pod{
		ObjectMeta: objectMeta(s.namespace, "privileged"),
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/none:1"}}},
	})
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("a pod without restrictions: want it refused by Pod Security, got %v", err)
	}
	pods, err := env.cluster.Pods(t.Context(), s.key)
	if err != nil || len(pods) != 2 {
		t.Fatalf("want 2 pods, got %d (%v)", len(pods), err)
	}
	for _, pod := range pods {
		if slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil || v.Secret != nil }) {
			t.Errorf("pod %s has a token or a Secret mounted", pod.Name)
		}
	}
}
