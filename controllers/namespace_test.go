package controllers_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// endNamespace deletes the namespace. It stays, for there is no namespace
// controller, and nothing can be created in it any more.
func (w *world) endNamespace() {
	w.t.Helper()
	ns := &corev1.Namespace{}
	ns.Name = w.namespace
	if err := w.person.Delete(w.t.Context(), ns); err != nil {
		w.t.Fatal(err)
	}
}

// What goes with its namespace needs no finalizer, and is nobody's error.
func TestServerGoesWithItsNamespace(t *testing.T) {
	tests := map[string]func(w *world, s *v1alpha1.SecuredMCPServer){
		"before it has children": func(w *world, _ *v1alpha1.SecuredMCPServer) { w.endNamespace() },
		"whose children go first": func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.settle(s)
			w.endNamespace()
			for _, child := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}} {
				w.delete(named(s, child))
			}
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			w.create(s)
			end(w, s)
			for range 2 {
				if err := w.attempt(s); err != nil {
					t.Fatalf("a pass fails: %v", err)
				}
			}
			told := s.ResourceVersion
			if err := w.attempt(s); err != nil || s.ResourceVersion != told {
				t.Errorf("the third pass changed the status, or failed: %v", err)
			}
			if w.exists(named(s, &appsv1.Deployment{})) {
				t.Error("the Deployment is back")
			}
			if len(s.Finalizers) > 0 {
				t.Errorf("finalizers %v would hold the namespace up", s.Finalizers)
			}
			w.delete(s)
			if _, err := w.reconciler.Reconcile(t.Context(), requestFor(s)); err != nil {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

// A cache of some namespaces fails whatever is asked of no namespace.
func TestServerThatIsGoneIsNoErrorInAnyMode(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *world{"of the cluster": newWorld, "of namespaces": newNarrowWorld} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			s := w.server("a")
			w.create(s)
			w.settle(s)
			w.delete(s)
			if _, err := w.reconciler.Reconcile(t.Context(), requestFor(s)); err != nil {
				t.Error(err)
			}
		})
	}
}

func requestFor(s *v1alpha1.SecuredMCPServer) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)}
}
