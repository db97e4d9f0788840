package controllers_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/kubetest"
)

// waitLimit bounds every wait: it is for a machine that does much else.
const waitLimit = 2 * time.Minute

const runtimeImage = "ghcr.io/securedmcp/runtime:test"

// world is a namespace of the API server, a person who writes to it, and an
// operator whose passes the test runs one by one.
type world struct {
	t testing.TB
	// person is not the operator: it has no cache and its own field manager.
	person    client.Client
	namespace string
	network   *podNetwork
	*operator
}

func newWorld(t testing.TB) *world {
	t.Helper()
	person, err := client.New(kubetest.Config(t), client.Options{Scheme: scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "world-",
		// Pods that are less than restricted are refused.
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := person.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, person: client.WithFieldOwner(person, "person"), namespace: ns.Name, network: newPodNetwork()}
	w.operator = startOperator(t, w.network)
	return w
}

// newNarrowWorld has an operator that sees its own namespace only.
func newNarrowWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.stop()
	w.operator = startOperatorWith(t, w.network, controllers.Policy{}, w.namespace)
	return w
}

// in returns w for a subtest, which then fails in w's place.
func (w *world) in(t testing.TB) *world {
	other := *w
	other.t = t
	return &other
}

// server returns the sample, to be created in the namespace of w, with another
// name and resource for every test.
func (w *world) server(name string) *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	raw, err := os.ReadFile("../config/samples/billing-tools.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	s := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict(raw, s); err != nil {
		w.t.Fatal(err)
	}
	s.Name, s.Namespace = name, w.namespace
	s.Spec.Resource = fmt.Sprintf("https://%s.example.com/%s", w.namespace, name)
	return s
}

// create creates o as the person and waits until the operator can see it.
func (w *world) create(o client.Object) {
	w.t.Helper()
	if err := w.person.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	w.seen(o)
}

// update writes what change makes of the newest o.
func (w *world) update(o client.Object, change func()) {
	w.t.Helper()
	w.write(o, change, func() error { return w.person.Update(w.t.Context(), o) })
}

// updateStatus writes the status as the controllers do that do not run here.
func (w *world) updateStatus(o client.Object, change func()) {
	w.t.Helper()
	w.write(o, change, func() error { return w.person.Status().Update(w.t.Context(), o) })
}

// write tries again when the operator, if it runs, was quicker.
func (w *world) write(o client.Object, change func(), update func() error) {
	w.t.Helper()
	w.eventually("writing "+o.GetName(), func() bool {
		w.read(o)
		change()
		err := update()
		if err != nil && !apierrors.IsConflict(err) {
			w.t.Fatal(err)
		}
		return err == nil
	})
	w.seen(o)
}

func (w *world) delete(o client.Object) {
	w.t.Helper()
	if err := w.person.Delete(w.t.Context(), o, client.GracePeriodSeconds(0)); err != nil {
		w.t.Fatal(err)
	}
	w.forgets(o)
}

// forgets waits until the operator's cache has o no more.
func (w *world) forgets(o client.Object) {
	w.t.Helper()
	w.eventually("the cache forgets "+o.GetName(), func() bool {
		return apierrors.IsNotFound(w.cached.Get(w.t.Context(), client.ObjectKeyFromObject(o), o))
	})
}

// read fills o with what the API server has.
func (w *world) read(o client.Object) {
	w.t.Helper()
	if err := w.person.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exists(o client.Object) bool {
	w.t.Helper()
	err := w.person.Get(w.t.Context(), client.ObjectKeyFromObject(o), o)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

// seen waits until the operator's cache has o as it is, or later, or does not
// hold such objects.
func (w *world) seen(o client.Object) {
	w.t.Helper()
	if o.GetLabels()["app.kubernetes.io/managed-by"] != "securedmcp-operator" {
		if _, ours := o.(*v1alpha1.SecuredMCPServer); !ours {
			return
		}
	}
	cached := o.DeepCopyObject().(client.Object)
	w.eventually("the cache sees "+o.GetName(), func() bool {
		err := w.cached.Get(w.t.Context(), client.ObjectKeyFromObject(o), cached)
		return err == nil && version(w.t, cached) >= version(w.t, o)
	})
}

func version(t testing.TB, o client.Object) int {
	t.Helper()
	v, err := strconv.Atoi(o.GetResourceVersion())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits for what the test cannot cause directly.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	eventually(w.t, what, holds)
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(waitLimit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// pass runs one pass and reads s anew.
func (w *world) pass(s *v1alpha1.SecuredMCPServer) (reconcile.Result, error) {
	w.t.Helper()
	result, err := w.reconciler.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)})
	w.read(s)
	w.seen(s)
	return result, err
}

// passes runs one pass, which must not fail, of a server that may be ending.
func (w *world) passes(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	if _, err := w.pass(s); err != nil {
		w.t.Error(err)
	}
}

// reconcile runs a pass, has the pods asked, runs the pass that their answers
// cause, and checks the laws of conditions. Nothing is waited for.
func (w *world) reconcile(s *v1alpha1.SecuredMCPServer) (reconcile.Result, error) {
	w.t.Helper()
	if result, err := w.pass(s); err != nil {
		checkLaws(w.t, s)
		return result, err
	}
	w.ask(s)
	w.reconciler.LosePatience(client.ObjectKeyFromObject(s))
	result, err := w.pass(s)
	checkLaws(w.t, s)
	return result, err
}

// ask has the operator ask the pods of s, and returns when it wants to ask each
// again.
func (w *world) ask(s *v1alpha1.SecuredMCPServer) map[string]time.Duration {
	w.t.Helper()
	var pods corev1.PodList
	if err := w.person.List(w.t.Context(), &pods, client.InNamespace(s.Namespace), client.MatchingLabels{"app.kubernetes.io/instance": s.Name}); err != nil {
		w.t.Fatal(err)
	}
	again := map[string]time.Duration{}
	for i := range pods.Items {
		p := &pods.Items[i]
		w.seen(p)
		result, err := w.asker.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		if err != nil {
			w.t.Fatal(err)
		}
		again[p.Name] = result.RequeueAfter
	}
	return again
}

// settle is reconcile that must not fail.
func (w *world) settle(s *v1alpha1.SecuredMCPServer) reconcile.Result {
	w.t.Helper()
	result, err := w.reconcile(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func named[O client.Object](s *v1alpha1.SecuredMCPServer, o O) O {
	o.SetName(s.Name)
	o.SetNamespace(s.Namespace)
	return o
}

func quantities(pairs ...string) map[string]resource.Quantity {
	out := map[string]resource.Quantity{}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = resource.MustParse(pair[1])
	}
	return out
}
