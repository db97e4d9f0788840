package v1alpha1_test

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	v1alpha1ac "github.com/securedmcp/operator/api/applyconfiguration/api/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/servertest"
)

// newTypedClient is a client for SecuredMCPServers alone.
func newTypedClient() (client.Client, error) {
	cfg, err := config.GetConfig()
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(cfg, client.Options{Scheme: scheme})
}

// requireScope has the security team own that the scope is declared and that
// every request needs it, whoever owns the rest of the server.
func requireScope(ctx context.Context, c client.Client, namespace, name, scope string) error {
	server := v1alpha1ac.SecuredMCPServer(name, namespace).WithSpec(v1alpha1ac.SecuredMCPServerSpec().
		WithScopes(v1alpha1ac.Scope().WithName(scope).WithDescription("Given to people, not to machines")).
		WithRequiredScopes(scope))
	return c.Apply(ctx, server, client.FieldOwner("security-team"))
}

// A program of one team applies the fields that the team owns, and reads the
// whole.
func Example() {
	ctx := context.Background()
	c, err := newTypedClient()
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := requireScope(ctx, c, "billing", "billing-tools", "staff"); err != nil {
		fmt.Println(err)
		return
	}
	server := new(v1alpha1.SecuredMCPServer)
	if err := c.Get(ctx, client.ObjectKey{Namespace: "billing", Name: "billing-tools"}, server); err != nil {
		fmt.Println(err)
		return
	}
	for _, condition := range server.Status.Conditions {
		fmt.Println(condition.Type, condition.Status, condition.Reason)
	}
}

func TestTheExampleLeavesTheRestToItsOwners(t *testing.T) {
	c := newClient(t)
	o := parse(t, servertest.Everything)
	o.SetName("example")
	if err := c.Create(t.Context(), o, client.FieldOwner("app-team")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), o) })
	if err := requireScope(t.Context(), c, o.GetNamespace(), o.GetName(), "staff"); err != nil {
		t.Fatal(err)
	}
	got := new(v1alpha1.SecuredMCPServer)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), got); err != nil {
		t.Fatal(err)
	}
	if len(got.Spec.Scopes) != 3 || len(got.Spec.RequiredScopes) != 2 || len(got.Spec.Tools) != 2 {
		t.Errorf("scopes %v, required %v and %d tools; want one scope more, required too, and the tools as before",
			got.Spec.Scopes, got.Spec.RequiredScopes, len(got.Spec.Tools))
	}
}
