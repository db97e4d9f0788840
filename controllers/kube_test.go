package controllers_test

import (
	"cmp"
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// farGeneration is what a Deployment controller that keeps up has observed,
// whatever the test edits next.
const farGeneration = 1000

// makeAvailable does what the Deployment controller and the kubelet would do.
func (w *world) makeAvailable(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	d := named(s, &appsv1.Deployment{})
	w.updateStatus(d, func() {
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: farGeneration, Replicas: 2, ReadyReplicas: 2, AvailableReplicas: 2, UpdatedReplicas: 2,
			Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"}},
		}
	})
}

// makeUnavailable does what they would do when no pod is ready.
func (w *world) makeUnavailable(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	d := named(s, &appsv1.Deployment{})
	w.updateStatus(d, func() { d.Status.AvailableReplicas, d.Status.ReadyReplicas = 0, 0 })
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
	w.serve(s, "1", "2")
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.writes.take()
	return s
}

// serve creates s, and all that it needs to be ready with these pods.
func (w *world) serve(s *v1alpha1.SecuredMCPServer, pods ...string) {
	w.t.Helper()
	w.create(s)
	w.settle(s)
	w.makeAvailable(s)
	w.makeExposed(s)
	for _, suffix := range pods {
		w.runningPod(s, suffix)
	}
	w.settle(s)
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
	ofReplicaSet(s, p, "newest")
	return p
}

// ofReplicaSet makes p a pod of one of the ReplicaSets of s, by the hash of its
// template.
func ofReplicaSet(s *v1alpha1.SecuredMCPServer, p *corev1.Pod, hash string) {
	p.Labels["pod-template-hash"] = hash
	p.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: s.Name + "-" + hash, UID: types.UID(s.Name + hash), Controller: new(true),
	}}
}

// ends has p deleted while its runtime still runs, as it does for as long as it
// drains.
func (w *world) ends(p *corev1.Pod) {
	w.t.Helper()
	w.update(p, func() { p.Finalizers = []string{"example.com/keep"} })
	if err := w.person.Delete(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
	w.read(p)
	w.seen(p)
	w.t.Cleanup(func() {
		err := w.person.Get(context.Background(), client.ObjectKeyFromObject(p), p)
		if p.Finalizers = nil; err == nil {
			err = w.person.Update(context.Background(), p)
		}
		if client.IgnoreNotFound(err) != nil {
			w.t.Error(err)
		}
	})
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
