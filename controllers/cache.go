package controllers

import (
	"encoding/json"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// CacheOptions has the cache hold what the operator made and nothing else of the
// cluster, and of that only what the reconciler reads.
func CacheOptions() cache.Options {
	ours := labels.SelectorFromSet(labels.Set{desired.LabelManagedBy: desired.ManagedBy})
	return cache.Options{
		// Every kind of child, those included that the cluster may not have yet.
		DefaultLabelSelector: ours,
		DefaultTransform:     trimChild,
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.SecuredMCPServer{}: {Label: labels.Everything(), Transform: trimServer},
			&corev1.Pod{}:                {Transform: trimPod},
		},
	}
}

// Select narrows o to the SecuredMCPServers whose labels selector selects.
// Others are to the operator as if they did not exist: it gives up nothing of
// theirs, and two with one resource do not see one another.
func Select(o cache.Options, selector labels.Selector) {
	for object, by := range o.ByObject {
		if _, ok := object.(*v1alpha1.SecuredMCPServer); ok {
			by.Label = selector
			o.ByObject[object] = by
		}
	}
}

// ClientOptions has reads wait until the cache has what the operator wrote
// itself, so that no pass decides on a state that an earlier one has changed.
// Children of optional kinds are unstructured, and cached like all others.
func ClientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true), Unstructured: true}}
}

// trimServer drops who owns which field, and the copy of the whole object that
// kubectl apply leaves.
func trimServer(in any) (any, error) {
	s, ok := in.(*v1alpha1.SecuredMCPServer)
	if !ok {
		return in, nil
	}
	s.ManagedFields = nil
	delete(s.Annotations, corev1.LastAppliedConfigAnnotation)
	return s, nil
}

// trimChild keeps identity, owner, what others say of the child, and of what we
// have applied what appliedOf tells. It leaves a child whole whose fields cannot be
// told apart: a pass then says why.
func trimChild(in any) (any, error) {
	o, ok := in.(client.Object)
	if !ok {
		return in, nil
	}
	entries, err := entriesInShort(o)
	if err != nil {
		return in, nil //nolint:nilerr // as above
	}
	o.SetManagedFields(entries)
	o.SetLabels(nil)
	o.SetAnnotations(keptAnnotations(o))
	trimContent(o)
	return o, nil
}

// entriesInShort returns the entries of the operator in the managed fields of o,
// without the fields. They are how a pass knows whose o is, and whether there is
// anything to write, or to give up. Of a ConfigMap they say when it was written, too.
func entriesInShort(o client.Object) ([]metav1.ManagedFieldsEntry, error) {
	a, err := appliedOf(o)
	if err != nil {
		return nil, err
	}
	short, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	_, timed := o.(*corev1.ConfigMap)
	var left []metav1.ManagedFieldsEntry
	for _, e := range o.GetManagedFields() {
		if !appliedByUs(e) && !updatedByUs(e) {
			continue
		}
		if !timed {
			e.Time = nil
		}
		left = append(left, metav1.ManagedFieldsEntry{
			Manager: FieldOwner, Operation: e.Operation, Subresource: e.Subresource, Time: e.Time, FieldsType: inShort, FieldsV1: metav1.NewFieldsV1(string(short)),
		})
	}
	return left, nil
}

// trimContent keeps of a child what phases read.
func trimContent(o client.Object) {
	switch o := o.(type) {
	case *corev1.ServiceAccount:
		o.Secrets, o.ImagePullSecrets = nil, nil
	case *corev1.ConfigMap:
		trimConfigMap(o)
	case *corev1.Service:
		o.Spec, o.Status = corev1.ServiceSpec{}, corev1.ServiceStatus{}
	case *networkingv1.NetworkPolicy:
		o.Spec = networkingv1.NetworkPolicySpec{}
	case *appsv1.Deployment:
		o.Spec = appsv1.DeploymentSpec{Replicas: o.Spec.Replicas, Paused: o.Spec.Paused}
	case *policyv1.PodDisruptionBudget:
		o.Spec, o.Status = policyv1.PodDisruptionBudgetSpec{}, policyv1.PodDisruptionBudgetStatus{}
	case *autoscalingv2.HorizontalPodAutoscaler:
		o.Spec, o.Status = autoscalingv2.HorizontalPodAutoscalerSpec{}, autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: o.Status.Conditions}
	case *unstructured.Unstructured:
		if isMonitoring(o.GetKind()) {
			delete(o.Object, "spec")
		}
	}
}

func appliedByUs(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == FieldOwner && e.Operation == metav1.ManagedFieldsOperationApply
}

// trimPod keeps identity, node, status, what it was told, and whether it speaks TLS:
// there are many pods.
func trimPod(in any) (any, error) {
	p, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	p.ManagedFields = nil
	tls := speaksTLS(p)
	p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName}
	if tls {
		p.Spec.Containers = []corev1.Container{{Name: desired.ContainerName, Ports: []corev1.ContainerPort{{Name: desired.PortHTTPS}}}}
	}
	maps.DeleteFunc(p.Annotations, func(name, _ string) bool { return name != desired.AnnotationConfigRevision })
	return p, nil
}
