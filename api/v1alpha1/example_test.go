package v1alpha1_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	v1alpha1ac "github.com/securedmcp/operator/api/applyconfiguration/api/v1alpha1"
	"github.com/securedmcp/operator/api/client/versioned"
	typed "github.com/securedmcp/operator/api/client/versioned/typed/api/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
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

// voidToken has no replica take a token any more, whatever else the server
// revokes.
func voidToken(ctx context.Context, servers typed.SecuredMCPServerInterface, name, tokenID string) (*v1alpha1.SecuredMCPServer, error) {
	server := v1alpha1ac.SecuredMCPServer(name, "").WithSpec(v1alpha1ac.SecuredMCPServerSpec().
		WithRevocation(v1alpha1ac.Revocation().WithTokenIDs(tokenID)))
	return servers.Apply(ctx, server, metav1.ApplyOptions{FieldManager: "incident-response", Force: true})
}

// enforced waits until every replica is known to go by the generation, or by a
// later one.
func enforced(ctx context.Context, servers typed.SecuredMCPServerInterface, name string, generation int64) error {
	watcher, err := servers.Watch(ctx, metav1.SingleObject(metav1.ObjectMeta{Name: name}))
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		server, ok := event.Object.(*v1alpha1.SecuredMCPServer)
		if !ok {
			return fmt.Errorf("watching %s: %w", name, apierrors.FromObject(event.Object))
		}
		if holds(server, v1alpha1.ConditionAccepted, generation) && holds(server, v1alpha1.ConditionEnforced, generation) {
			return nil
		}
	}
	return fmt.Errorf("the watch of %s ended", name)
}

func holds(server *v1alpha1.SecuredMCPServer, condition string, generation int64) bool {
	c := meta.FindStatusCondition(server.Status.Conditions, condition)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration >= generation
}

// A program without controller-runtime uses the generated clientset.
func Example_clientset() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg, err := rest.InClusterConfig()
	if err != nil {
		fmt.Println(err)
		return
	}
	clients, err := versioned.NewForConfig(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	servers := clients.SecuredMCPV1alpha1().SecuredMCPServers("billing")
	server, err := voidToken(ctx, servers, "billing-tools", "jti-of-a-stolen-token")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := enforced(ctx, servers, server.Name, server.Generation); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the token is of no use to anybody")
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

func TestTheExampleOfTheClientsetWaitsForItsRevocation(t *testing.T) {
	clients, err := versioned.NewForConfig(kubetest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	o := parse(t, servertest.Everything)
	o.SetName("example-clientset")
	if err := newClient(t).Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	servers := clients.SecuredMCPV1alpha1().SecuredMCPServers(o.GetNamespace())
	t.Cleanup(func() { _ = servers.Delete(context.Background(), o.GetName(), metav1.DeleteOptions{}) })
	before, err := servers.Get(t.Context(), o.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}

	server, err := voidToken(t.Context(), servers, o.GetName(), "stolen")
	if err != nil {
		t.Fatal(err)
	}
	want := before.Spec.DeepCopy()
	want.Revocation.TokenIDs = append(want.Revocation.TokenIDs, "stolen")
	if diff := cmp.Diff(*want, server.Spec); diff != "" {
		t.Errorf("the spec (-want +got):\n%s", diff)
	}

	saysEnforced(t, servers, server, before.Generation)
	early, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := enforced(early, servers, server.Name, server.Generation); err == nil {
		t.Error("a status of the generation before was taken for one of this")
	}
	saysEnforced(t, servers, server, server.Generation)
	if err := enforced(t.Context(), servers, server.Name, server.Generation); err != nil {
		t.Error(err)
	}
}

// saysEnforced has the status say so of a generation.
func saysEnforced(t *testing.T, servers typed.SecuredMCPServerInterface, server *v1alpha1.SecuredMCPServer, generation int64) {
	t.Helper()
	status := v1alpha1ac.SecuredMCPServerStatus()
	for _, condition := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionEnforced} {
		status.WithConditions(metav1ac.Condition().WithType(condition).WithStatus(metav1.ConditionTrue).WithReason(condition).
			WithMessage("").WithObservedGeneration(generation).WithLastTransitionTime(metav1.Now()))
	}
	_, err := servers.ApplyStatus(t.Context(), v1alpha1ac.SecuredMCPServer(server.Name, "").WithStatus(status), metav1.ApplyOptions{FieldManager: "operator"})
	if err != nil {
		t.Fatal(err)
	}
}
