package controllers_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1ac "github.com/securedmcp/operator/api/applyconfiguration/api/v1alpha1"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
)

// allChildren are the writes of a first pass, the status included.
var allChildren = []string{
	"PATCH configmaps/a", "PATCH deployments/a", "PATCH ingresses/a", "PATCH networkpolicies/a", "PATCH poddisruptionbudgets/a",
	"PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a", "PATCH services/a",
}

func TestFirstPassMakesTheChildrenAndSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.settle(s)
	w.wantWrites(allChildren...)
	w.wantConditions(s, "True Accepted", "False Progressing", "False IngressPending", "Unknown NoReadyReplicas", "False Progressing")

	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	served, err := config.Decode([]byte(cm.Data["config.json"]))
	if err != nil {
		t.Fatal(err)
	}
	if served.Resource != s.Spec.Resource {
		t.Errorf("the ConfigMap serves %s, want %s", served.Resource, s.Spec.Resource)
	}
	got := s.Status
	got.Conditions = nil
	want := v1alpha1.SecuredMCPServerStatus{
		ObservedGeneration:  1,
		Replicas:            &v1alpha1.ReplicaCounts{Desired: 2},
		Enforced:            "0/0",
		URL:                 "https://" + w.namespace + ".example.com/a",
		ResourceMetadataURL: "https://" + w.namespace + ".example.com/.well-known/oauth-protected-resource/a",
		Revision:            config.Revision([]byte(cm.Data["config.json"])),
		Tools:               new(int32(len(s.Spec.Tools))),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// A policy engine, say, has a condition of its own there. It is that one's to change and
// to take away.
func TestAConditionOfSomebodyElseStaysTheirs(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	theirs := func(conditions ...*metav1ac.ConditionApplyConfiguration) {
		t.Helper()
		status := v1alpha1ac.SecuredMCPServerStatus().WithConditions(conditions...)
		if err := w.person.Status().Apply(t.Context(), v1alpha1ac.SecuredMCPServer(s.Name, s.Namespace).WithStatus(status)); err != nil {
			t.Fatal(err)
		}
		w.read(s)
		w.seen(s)
	}
	theirs(metav1ac.Condition().WithType("example.com/Audited").WithStatus("True").WithReason("Audited").WithMessage("").WithLastTransitionTime(metav1.Now()))
	w.update(s, func() { s.Spec.RequiredScopes = nil })
	w.passes(s)
	w.ask(s)
	w.passes(s)
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2", "PATCH securedmcpservers/a/status")
	if got := conditions(s)["example.com/Audited"]; got != "True Audited" {
		t.Errorf("theirs is %q, want it as it was", got)
	}
	theirs()
	if got, there := conditions(s)["example.com/Audited"]; there {
		t.Errorf("theirs is %q, and they took it away", got)
	}
}

func TestAvailableDeploymentAndAddressedIngressMakeItReady(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	if want := "https://" + w.namespace + ".example.com/a"; s.Status.URL != want {
		t.Errorf("url %s, want %s", s.Status.URL, want)
	}
}

func TestUnchangedServerCausesNoWrites(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	// Spellings that the API server rewrites are no differences either.
	s.Spec.Workload.Resources.Requests = quantities("cpu", "1500u", "memory", "0.1Gi", "ephemeral-storage", "1.0000001Gi")
	s.Spec.Workload.Resources.Limits = quantities("cpu", "1000m", "memory", "1024Mi")
	s.Spec.Workload.ImagePullSecrets = []corev1.LocalObjectReference{{Name: ""}, {Name: "registry"}}
	s.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/a": "1", "example.com/empty": ""}
	w.serve(s, "1")
	w.writes.take()

	t.Run("in further passes", func(t *testing.T) {
		w := w.in(t)
		for range 3 {
			w.settle(s)
		}
		w.wantWrites()
	})
	t.Run("after an operator restart", func(t *testing.T) {
		w := w.in(t)
		w.stop()
		w.operator = startOperator(t, w.network)
		w.settle(s)
		w.wantWrites()
	})
}

func TestWhatOthersAddIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	d := named(s, &appsv1.Deployment{})
	w.update(d, func() {
		// As kubectl rollout restart does.
		d.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-08-01T00:00:00Z"}
		d.Labels["team"] = "billing"
	})
	w.settle(s)
	w.wantWrites()
	w.read(d)
	if d.Labels["team"] != "billing" || d.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] == "" {
		t.Errorf("labels %v, template annotations %v: the additions are gone", d.Labels, d.Spec.Template.Annotations)
	}
}

func TestHandEditsOfChildrenAreHealed(t *testing.T) {
	tests := map[string]struct {
		object client.Object
		edit   func(o client.Object)
		write  string
	}{
		"another image": {
			&appsv1.Deployment{}, func(o client.Object) { o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "evil" }, "PATCH deployments/a",
		},
		"a removed security context": {
			&appsv1.Deployment{}, func(o client.Object) { o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].SecurityContext = nil }, "PATCH deployments/a",
		},
		"another scale": {
			&appsv1.Deployment{}, func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = new(int32(7)) }, "PATCH deployments/a",
		},
		"another config": {
			&corev1.ConfigMap{}, func(o client.Object) { o.(*corev1.ConfigMap).Data["config.json"] = "{}" }, "PATCH configmaps/a",
		},
		"no config": {
			&corev1.ConfigMap{}, func(o client.Object) { o.(*corev1.ConfigMap).Data = nil }, "PATCH configmaps/a",
		},
		"another selector": {
			&corev1.Service{}, func(o client.Object) { o.(*corev1.Service).Spec.Selector = map[string]string{"app": "evil"} }, "PATCH services/a",
		},
		"another host": {
			&networkingv1.Ingress{}, func(o client.Object) { o.(*networkingv1.Ingress).Spec.Rules[0].Host = "evil.example.com" }, "PATCH ingresses/a",
		},
		"no TLS": {
			&networkingv1.Ingress{}, func(o client.Object) { o.(*networkingv1.Ingress).Spec.TLS = nil }, "PATCH ingresses/a",
		},
		"a mounted token": {
			&corev1.ServiceAccount{}, func(o client.Object) { o.(*corev1.ServiceAccount).AutomountServiceAccountToken = new(true) }, "PATCH serviceaccounts/a",
		},
		"no owner": {
			&corev1.Service{}, func(o client.Object) { o.SetOwnerReferences(nil) }, "PATCH services/a",
		},
		"a missing label": {
			&corev1.ServiceAccount{}, func(o client.Object) { delete(o.GetLabels(), "app.kubernetes.io/name") }, "PATCH serviceaccounts/a",
		},
	}
	w := newWorld(t)
	s := w.ready("a")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			o := named(s, test.object)
			w.read(o)
			before := essence(o)
			w.update(o, func() { test.edit(o) })
			w.settle(s)
			writes := []string{test.write}
			if test.write == "PATCH configmaps/a" {
				writes = append(writes, "PATCH pods/a-1", "PATCH pods/a-2") // which may have read the edit
			}
			w.wantWrites(writes...)
			w.read(o)
			if diff := cmp.Diff(before, essence(o)); diff != "" {
				t.Errorf("object (-before +healed):\n%s", diff)
			}
			w.settle(s)
			w.wantWrites()
		})
	}
}

// The port number is the key that applying merges ports by: ours is added beside
// the changed one, which the API server refuses.
func TestAChangedPortNumberIsHealed(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	service := named(s, &corev1.Service{})
	w.read(service)
	before := essence(service)
	w.update(service, func() { service.Spec.Ports[0].Port = 81 })
	w.settle(s)
	w.wantWrites("PATCH services/a", "PATCH services/a", "PATCH services/a", "PATCH services/a")
	w.read(service)
	if diff := cmp.Diff(before, essence(service)); diff != "" {
		t.Errorf("Service (-before +healed):\n%s", diff)
	}
	w.settle(s)
	w.wantWrites()
}

// overwritten makes a server whose Deployment the operator had to overwrite,
// with a limit that its spec may drop.
func (w *world) overwritten(s *v1alpha1.SecuredMCPServer) *appsv1.Deployment {
	w.t.Helper()
	w.update(s, func() { s.Spec.Workload.Resources.Limits = quantities("cpu", "1") })
	w.settle(s)
	d := named(s, &appsv1.Deployment{})
	w.update(d, func() { d.Spec.Template.Spec.Containers[0].Ports[0].ContainerPort = 8081 })
	w.writes.take()
	w.settle(s)
	w.wantWrites("PATCH deployments/a", "PATCH deployments/a", "PATCH deployments/a", "PATCH deployments/a")
	w.read(d)
	return d
}

// wantNoUpdates checks that the operator owns fields by applying only: what it
// owned by updates as well would stay when it is no longer wanted.
func (w *world) wantNoUpdates(o client.Object) {
	w.t.Helper()
	for _, e := range o.GetManagedFields() {
		if e.Manager == controllers.FieldOwner && e.Operation == metav1.ManagedFieldsOperationUpdate {
			w.t.Errorf("the operator owns fields of %T by updates: %s", o, e.FieldsV1)
		}
	}
}

func TestFieldDroppedAfterAChildWasOverwrittenIsGone(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	d := w.overwritten(s)
	w.wantNoUpdates(d)
	if d.Spec.Template.Spec.Containers[0].Resources.Limits.Cpu().IsZero() {
		t.Fatal("the limit is not there before it is dropped")
	}
	w.update(s, func() { s.Spec.Workload.Resources.Limits = nil })
	w.settle(s)
	w.read(d)
	if limits := d.Spec.Template.Spec.Containers[0].Resources.Limits; !limits.Cpu().IsZero() {
		t.Errorf("limits %v, want none of cpu", limits)
	}
	w.writes.take()
	w.settle(s)
	w.wantWrites()
}

// An operator that ends between the overwriting and the giving up leaves its
// updates behind. The others' entries are theirs.
func TestOwnershipThatAnEarlierPassLeftIsGivenUp(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	service := named(s, &corev1.Service{})
	w.update(service, func() { service.Labels["team"] = "billing" })
	operator := client.WithFieldOwner(w.person, controllers.FieldOwner)
	service.Labels["left"] = "behind"
	if err := operator.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	w.seen(service)
	w.settle(s)
	w.wantWrites("PATCH services/a")
	w.read(service)
	w.wantNoUpdates(service)
	if !slices.ContainsFunc(service.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == "person" }) {
		t.Errorf("the person's entry is gone: %v", service.ManagedFields)
	}
	w.settle(s)
	w.wantWrites()
}

func TestDeletedChildrenComeBack(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	for _, o := range []client.Object{&corev1.ServiceAccount{}, &corev1.ConfigMap{}, &corev1.Service{}, &networkingv1.Ingress{}, &networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{}, &appsv1.Deployment{}} {
		o := named(s, o)
		w.delete(o)
		w.settle(s)
		if !w.exists(o) {
			t.Errorf("%T is still gone", o)
		}
	}
}

// The cache holds what has our label. A child that lost it must not be taken for
// missing, nor for a stranger's.
func TestChildWithoutOurLabelIsFoundAgain(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	uid := cm.UID
	delete(cm.Labels, "app.kubernetes.io/managed-by")
	if err := w.person.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	w.eventually("the cache drops the ConfigMap", func() bool {
		return w.cached.Get(t.Context(), client.ObjectKeyFromObject(cm), &corev1.ConfigMap{}) != nil
	})
	w.settle(s)
	w.read(cm)
	if cm.UID != uid || cm.Labels["app.kubernetes.io/managed-by"] != "securedmcp-operator" {
		t.Errorf("uid %s, labels %v; want %s with our label back", cm.UID, cm.Labels, uid)
	}
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

func TestIngressGoesWhenNoLongerAskedFor(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() { s.Spec.Exposure.Ingress = nil })
	w.settle(s)
	w.wantWrites("DELETE ingresses/a", "PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a")
	if w.exists(named(s, &networkingv1.Ingress{})) {
		t.Error("the Ingress is still there")
	}
	w.wantConditions(s, "True Accepted", "True Available", "True ClusterLocal", "True Enforced", "True Ready")
	w.settle(s)
	w.wantWrites()
}

func TestScaledToZeroIsNotAvailable(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() { s.Spec.Workload.Replicas = new(int32(0)) })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "False ScaledToZero", "True Exposed", "True Enforced", "False ScaledToZero")
	w.wantReplicas(s, 0, 2, 2) // they are not gone yet
}

// A finalizer of somebody else may keep a deleted server for long.
func TestDeletedServerLosesItsRouteAndGetsNothingBack(t *testing.T) {
	w := newWorld(t)
	s := w.deleted("a", "example.com/keep")
	w.delete(named(s, &corev1.Service{}))
	w.passes(s)
	w.wantWrites("DELETE ingresses/a")
	w.forgets(named(s, &networkingv1.Ingress{}))
	w.passes(s)
	w.wantWrites()
}

// Nobody observes a server that is being deleted, and its status says no longer that
// clients reach it.
func TestDeletedServerThatAFinalizerKeepsIsNotExposed(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() { s.Finalizers = []string{"example.com/keep"} })
	w.end(s)
	w.passes(s)
	w.wantWrites("DELETE ingresses/a", "PATCH securedmcpservers/a/status")
	w.wantConditions(s, "True Accepted", "True Available", "False RouteEnding", "True Enforced", "False RouteEnding")
	w.forgets(named(s, &networkingv1.Ingress{}))
	w.passes(s)
	w.wantWrites()
}

func TestOrphanedChildrenKeepServing(t *testing.T) {
	w := newWorld(t)
	s := w.deleted("a", metav1.FinalizerOrphanDependents)
	w.passes(s)
	w.wantWrites()
}

// deleted returns a server that is being deleted, and that a finalizer keeps
// until the test ends.
func (w *world) deleted(name, finalizer string) *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	s := w.server(name)
	s.Finalizers = []string{finalizer}
	w.create(s)
	w.settle(s)
	w.end(s)
	return s
}

// end deletes s, whose finalizers keep it until the test ends.
func (w *world) end(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	if err := w.person.Delete(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	w.read(s)
	w.seen(s)
	w.writes.take()
	w.t.Cleanup(func() {
		release := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		if err := w.person.Patch(context.WithoutCancel(w.t.Context()), s, release); err != nil {
			w.t.Error(err)
		}
	})
}
