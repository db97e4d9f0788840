package controllers

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// CacheOptions has the cache hold what the operator made and nothing else of the
// cluster, and of that only what the reconciler reads.
func CacheOptions() cache.Options {
	trim := trimmer{}
	ours := labels.SelectorFromSet(labels.Set{desired.LabelManagedBy: desired.ManagedBy})
	return cache.Options{
		// Every kind of child, those included that the cluster may not have yet.
		DefaultLabelSelector: ours,
		DefaultTransform:     trim.child,
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.SecuredMCPServer{}: {Label: labels.Everything(), Transform: cache.TransformStripManagedFields()},
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

// trimmer trims children.
type trimmer struct{ fields fieldSets }

// child drops the field ownership of others. Ours is how a pass knows whether
// there is anything to write, or to give up.
func (t *trimmer) child(in any) (any, error) {
	o, ok := in.(client.Object)
	if !ok {
		return in, nil
	}
	left := slices.DeleteFunc(o.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return !appliedByUs(e) && !updatedByUs(e)
	})
	for i := range left {
		t.fields.share(left[i].FieldsV1)
	}
	o.SetManagedFields(left)
	return o, nil
}

func appliedByUs(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == FieldOwner && e.Operation == metav1.ManagedFieldsOperationApply
}

// trimPod keeps identity, node and status: there are many pods.
func trimPod(in any) (any, error) {
	p, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	p.ManagedFields = nil
	p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName}
	return p, nil
}
