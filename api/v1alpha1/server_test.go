package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
	"github.com/securedmcp/operator/test/servertest"
)

func TestAPIServerAcceptsWhatIsAllowed(t *testing.T) {
	c := newClient(t)
	for name, o := range servertest.Accepted() {
		t.Run(name, func(t *testing.T) {
			if err := c.Create(t.Context(), o, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAPIServerRefusesWhatAnEditCanFix(t *testing.T) {
	c := newClient(t)
	for name, test := range servertest.Refused() {
		t.Run(name, func(t *testing.T) {
			err := c.Create(t.Context(), test.Object, client.DryRunAll)
			if diff := cmp.Diff(test.Want, message(test.Object, err)); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// message returns what is wrong in the words of the API server, without the
// name of the object and without its remark that CEL rules were not evaluated.
func message(o *unstructured.Unstructured, err error) string {
	if err == nil {
		return "(accepted)"
	}
	const unchecked = ", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]"
	msg := strings.TrimPrefix(err.Error(), fmt.Sprintf("SecuredMCPServer.securedmcp.dev %q is invalid: ", o.GetName()))
	if rest, ok := strings.CutSuffix(msg, unchecked); ok {
		return strings.TrimPrefix(rest, "[")
	}
	return msg
}

func TestInputSchemaIsKeptAsIs(t *testing.T) {
	const schema = `{"$defs":{"x":{"enum":[1,2.50,"a",null,true]}},"properties":{"a":{"$ref":"#/$defs/x","x-custom":{"deep":[{}]}}},"type":"object"}`
	c := newClient(t)
	s := decode(t, servertest.Everything)
	s.Name = "schema-kept"
	s.Spec.Tools[0].InputSchema.Raw = []byte(schema)
	create(t, c, s)
	var got v1alpha1.SecuredMCPServer
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(s), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jsonValue(t, schema), jsonValue(t, string(got.Spec.Tools[0].InputSchema.Raw))); diff != "" {
		t.Errorf("inputSchema (-sent +stored):\n%s", diff)
	}
}

// Three teams own three lists of one object and none needs to know the others'.
func TestTeamsShareAnObjectThroughServerSideApply(t *testing.T) {
	c := newClient(t)
	apply := func(team, spec string) {
		o := parse(t, "apiVersion: securedmcp.dev/v1alpha1\nkind: SecuredMCPServer\nmetadata: {name: shared, namespace: default}\nspec: "+spec)
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(team)); err != nil {
			t.Fatalf("%s: %v", team, err)
		}
	}
	apply("platform", `{resource: "https://mcp.example.com/shared", issuer: "https://auth.example.com"}`)
	apply("security", `{scopes: [{name: a}, {name: b, implies: [a]}]}`)
	apply("app", `{scopes: [{name: c}], tools: [{name: t, upstream: builtin, scopes: [a], inputSchema: {type: object, properties: {x: {}}}}]}`)
	apply("security", `{scopes: [{name: a}]}`)
	apply("app", `{scopes: [{name: c}], tools: [{name: t, upstream: builtin, scopes: [a], inputSchema: {type: object}}]}`)

	var got v1alpha1.SecuredMCPServer
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "shared"}, &got); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), &got) })
	var scopes []string
	for _, s := range got.Spec.Scopes {
		scopes = append(scopes, s.Name)
	}
	slices.Sort(scopes)
	if diff := cmp.Diff([]string{"a", "c"}, scopes); diff != "" {
		t.Errorf("scopes after security took b back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(`{"type":"object"}`, string(got.Spec.Tools[0].InputSchema.Raw)); diff != "" {
		t.Errorf("inputSchema is owned whole (-want +got):\n%s", diff)
	}
}

// Whoever takes what is another team's is told whose it is, and changes nothing
// unless they insist.
func TestATeamThatTakesAnothersFieldIsToldWhose(t *testing.T) {
	c := newClient(t)
	apply := func(team, spec string, opts ...client.ApplyOption) error {
		o := parse(t, "apiVersion: securedmcp.dev/v1alpha1\nkind: SecuredMCPServer\nmetadata: {name: taken, namespace: default}\nspec: "+spec)
		return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), append(opts, client.FieldOwner(team))...)
	}
	var got v1alpha1.SecuredMCPServer
	read := func() *v1alpha1.SecuredMCPServer {
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "taken"}, &got); err != nil {
			t.Fatal(err)
		}
		return &got
	}
	if err := apply("platform", `{resource: "https://mcp.example.com/taken", issuer: "https://auth.example.com", scopes: [{name: a, description: of the platform}]}`); err != nil {
		t.Fatal(err)
	}
	read()
	t.Cleanup(func() { _ = c.Delete(context.Background(), &got) })
	takes := map[string]struct{ spec, field string }{
		"a field":            {`{issuer: "https://evil.example.com"}`, ".spec.issuer"},
		"a field of an item": {`{scopes: [{name: a, description: mine}]}`, `.spec.scopes[name="a"].description`},
	}
	for name, test := range takes {
		t.Run(name, func(t *testing.T) {
			err := apply("app", test.spec)
			if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "platform"`) || !strings.Contains(err.Error(), test.field) {
				t.Errorf("error %v, want a conflict with platform about %s", err, test.field)
			}
			if s := read(); s.Spec.Issuer != "https://auth.example.com" || s.Spec.Scopes[0].Description != "of the platform" {
				t.Errorf("issuer %s, scopes %v", s.Spec.Issuer, s.Spec.Scopes)
			}
		})
	}
	if err := apply("app", `{issuer: "https://auth.example.com"}`); err != nil {
		t.Errorf("owning the same value together: %v", err)
	}
	if err := apply("app", `{issuer: "https://other.example.com"}`, client.ForceOwnership); err != nil || read().Spec.Issuer != "https://other.example.com" {
		t.Errorf("taking it by force: %v, issuer %s", err, got.Spec.Issuer)
	}
}

func TestKubectlGetShowsWhatMatters(t *testing.T) {
	c := newClient(t)
	s := decode(t, servertest.Everything)
	s.Name = "columns"
	create(t, c, s)
	s.Status = v1alpha1.SecuredMCPServerStatus{
		URL: "https://mcp.example.com/billing", Revision: "6f2c9a1b6f2c9a1b", Enforced: "1/2", Tools: new(int32(0)),
		Replicas:   &v1alpha1.ReplicaCounts{Desired: 2, Ready: 2, Enforcing: 1},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonProgressing, LastTransitionTime: metav1.Now()}},
	}
	if err := c.Status().Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	got := columns(t, "columns")
	if got["Age"] == "" {
		t.Error("Age is empty")
	}
	delete(got, "Age")
	want := map[string]string{
		"Name": "columns", "Ready": "False", "Reason": "Progressing", "URL": "https://mcp.example.com/billing", "Enforced": "1/2",
		"Issuer (wide)": "https://auth.example.com", "Tools (wide)": "0", "Revision (wide)": "6f2c9a1b6f2c9a1b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// columns asks for the table that kubectl prints.
func columns(t *testing.T, name string) map[string]string {
	t.Helper()
	discovery, err := discovery.NewDiscoveryClientForConfig(kubetest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := discovery.RESTClient().Get().
		AbsPath("/apis/securedmcp.dev/v1alpha1/namespaces/default/securedmcpservers", name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, column := range table.ColumnDefinitions {
		title := column.Name
		if column.Priority > 0 {
			title += " (wide)"
		}
		got[title] = fmt.Sprint(table.Rows[0].Cells[i])
	}
	return got
}

func decode(t *testing.T, manifest string) *v1alpha1.SecuredMCPServer {
	t.Helper()
	s := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict([]byte(manifest), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	if err := c.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), s) })
}

func jsonValue(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func newClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(kubetest.Config(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, "Strict")
}

func parse(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	o := new(unstructured.Unstructured)
	if err := yaml.Unmarshal([]byte(manifest), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}
