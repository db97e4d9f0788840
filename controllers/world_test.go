package controllers_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/kubetest"
)

const runtimeImage = "ghcr.io/securedmcp/runtime:test"

// world is a namespace of the API server, a person who writes to it, and an
// operator whose passes the test runs one by one.
type world struct {
	t testing.TB
	// person is not the operator: it has no cache and its own field manager.
	person    client.Client
	namespace string
	*operator
}

// operator is the reconciler with a real cache in front of it, and a count of
// what it writes.
type operator struct {
	cached     client.Client
	reconciler *controllers.Reconciler
	writes     *writes
	stop       func()
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
	w := &world{t: t, person: client.WithFieldOwner(person, "person"), namespace: ns.Name}
	w.operator = startOperator(t)
	return w
}

// in returns w for a subtest, which then fails in w's place.
func (w *world) in(t testing.TB) *world {
	other := *w
	other.t = t
	return &other
}

// startOperator starts what cmd/operator starts, except that nothing wakes the
// reconciler.
func startOperator(t testing.TB) *operator {
	t.Helper()
	counted := new(writes)
	cfg := kubetest.Config(t)
	cfg.Wrap(counted.count)
	mgr := newManager(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	if err := controllers.IndexResources(ctx, mgr.GetFieldIndexer()); err != nil {
		t.Fatal(err)
	}
	reconciler := controllers.NewReconciler(mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder("test"), runtimeImage)
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("stopping the operator: %v", err)
		}
	})
	t.Cleanup(stop)
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the cache did not fill")
	}
	return &operator{cached: mgr.GetClient(), reconciler: reconciler, writes: counted, stop: stop}
}

func newManager(t testing.TB, cfg *rest.Config) ctrl.Manager {
	t.Helper()
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  scheme(t),
		Cache:   controllers.CacheOptions(),
		Client:  controllers.ClientOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

func scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// writes are the requests that change something, as the API server gets them.
type writes struct {
	sync.Mutex
	requests []string
	// failing is a write that the API server cannot do at the moment.
	failing string
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *writes) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			parts := strings.Split(r.URL.Path, "/")
			write := r.Method + " " + strings.Join(parts[slices.Index(parts, "namespaces")+2:], "/")
			w.Lock()
			defer w.Unlock()
			w.requests = append(w.requests, write)
			if write == w.failing {
				return internalError(r), nil
			}
		}
		return next.RoundTrip(r)
	})
}

// fail has one kind of write fail until the test says "".
func (w *writes) fail(write string) {
	w.Lock()
	defer w.Unlock()
	w.failing = write
}

func internalError(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusInternalServerError, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": []string{"application/json"}},
		Body:   io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500,"message":"range is full"}`)),
	}
}

// take returns the writes since the last call, in the order of their names.
// Events are left out: they are written in the background.
func (w *writes) take() []string {
	w.Lock()
	defer w.Unlock()
	taken := slices.DeleteFunc(w.requests, func(r string) bool { return strings.HasPrefix(r, "POST events") })
	w.requests = nil
	slices.Sort(taken)
	return taken
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
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		w.read(o)
		change()
		return update()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.seen(o)
}

func (w *world) delete(o client.Object) {
	w.t.Helper()
	if err := w.person.Delete(w.t.Context(), o, client.GracePeriodSeconds(0)); err != nil {
		w.t.Fatal(err)
	}
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
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// reconcile runs one pass, reads s anew, and checks the laws of conditions.
func (w *world) reconcile(s *v1alpha1.SecuredMCPServer) (reconcile.Result, error) {
	w.t.Helper()
	result, err := w.reconciler.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)})
	w.read(s)
	w.seen(s)
	checkLaws(w.t, s)
	return result, err
}

// settle runs one pass that must not fail.
func (w *world) settle(s *v1alpha1.SecuredMCPServer) reconcile.Result {
	w.t.Helper()
	result, err := w.reconcile(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// checkLaws states what is true of conditions whatever has happened.
func checkLaws(t testing.TB, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	types := []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionAvailable, v1alpha1.ConditionExposed}
	ready := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || len(s.Status.Conditions) != len(types)+1 {
		t.Fatalf("conditions %v, want Ready and exactly %v", s.Status.Conditions, types)
	}
	var first *metav1.Condition
	for _, name := range types {
		c := meta.FindStatusCondition(s.Status.Conditions, name)
		if c == nil {
			t.Fatalf("no condition %s among %v", name, s.Status.Conditions)
		}
		if c.Status != metav1.ConditionTrue && first == nil {
			first = c
		}
	}
	for _, c := range s.Status.Conditions {
		if c.ObservedGeneration != s.Generation {
			t.Errorf("%s is about generation %d, want %d", c.Type, c.ObservedGeneration, s.Generation)
		}
		if c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero() {
			t.Errorf("%s is incomplete: %+v", c.Type, c)
		}
	}
	if s.Status.ObservedGeneration != s.Generation {
		t.Errorf("status is about generation %d, want %d", s.Status.ObservedGeneration, s.Generation)
	}
	switch {
	case first == nil && ready.Status != metav1.ConditionTrue:
		t.Errorf("Ready is %s (%s) though all others are True", ready.Status, ready.Reason)
	case first != nil && (ready.Status != first.Status || ready.Reason != first.Reason || ready.Message != first.Message):
		t.Errorf("Ready is %s (%s: %s), want those of %s: %s (%s: %s)",
			ready.Status, ready.Reason, ready.Message, first.Type, first.Status, first.Reason, first.Message)
	}
}

// conditions shows status and reason of every condition of s.
func conditions(s *v1alpha1.SecuredMCPServer) map[string]string {
	got := map[string]string{}
	for _, c := range s.Status.Conditions {
		got[c.Type] = string(c.Status) + " " + c.Reason
	}
	return got
}

func message(s *v1alpha1.SecuredMCPServer, condition string) string {
	return meta.FindStatusCondition(s.Status.Conditions, condition).Message
}

func (w *world) wantConditions(s *v1alpha1.SecuredMCPServer, accepted, available, exposed, ready string) {
	w.t.Helper()
	want := map[string]string{"Accepted": accepted, "Available": available, "Exposed": exposed, "Ready": ready}
	if diff := gocmp.Diff(want, conditions(s)); diff != "" {
		w.t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func (w *world) wantWrites(want ...string) {
	w.t.Helper()
	if diff := gocmp.Diff(want, w.writes.take(), cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func named[O client.Object](s *v1alpha1.SecuredMCPServer, o O) O {
	o.SetName(s.Name)
	o.SetNamespace(s.Namespace)
	return o
}

// makeAvailable does what the Deployment controller and the kubelet would do.
func (w *world) makeAvailable(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	d := named(s, &appsv1.Deployment{})
	w.updateStatus(d, func() {
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: 2, ReadyReplicas: 2, AvailableReplicas: 2, UpdatedReplicas: 2,
			Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"}},
		}
	})
}

// makeExposed does what an ingress controller would do.
func (w *world) makeExposed(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	in := named(s, &networkingv1.Ingress{})
	w.updateStatus(in, func() {
		in.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.1"}}
	})
}

// ready creates a server and makes it ready.
func (w *world) ready(name string) *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	s := w.server(name)
	w.create(s)
	w.settle(s)
	w.makeAvailable(s)
	w.makeExposed(s)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Ready")
	w.writes.take()
	return s
}

// podTemplate returns a pod of s on a node.
func (w *world) podTemplate(s *v1alpha1.SecuredMCPServer, suffix string) *corev1.Pod {
	w.t.Helper()
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: s.Name + "-" + suffix, Namespace: s.Namespace, Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
	p.Spec.NodeName = "node"
	return p
}

// pod creates a pod of s as a ReplicaSet, the scheduler and the kubelet would.
// It runs unless status says otherwise.
func (w *world) pod(s *v1alpha1.SecuredMCPServer, suffix string, status corev1.PodStatus) *corev1.Pod {
	w.t.Helper()
	p := w.podTemplate(s, suffix)
	status.Phase = cmp.Or(status.Phase, corev1.PodRunning)
	w.create(p)
	w.updateStatus(p, func() { p.Status = status })
	return p
}

func quantities(pairs ...string) map[string]resource.Quantity {
	out := map[string]resource.Quantity{}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = resource.MustParse(pair[1])
	}
	return out
}

// essence is o without what every write changes.
func essence(o client.Object) client.Object {
	c := o.DeepCopyObject().(client.Object)
	c.SetManagedFields(nil)
	c.SetResourceVersion("")
	c.SetGeneration(0)
	return c
}
