package desired

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// object is an object of s of a kind that the operator has no Go types of.
func object(s *v1alpha1.SecuredMCPServer, kind schema.GroupVersionKind, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	o.SetGroupVersionKind(kind)
	o.SetName(s.Name)
	o.SetNamespace(s.Namespace)
	o.SetLabels(labels(s))
	o.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(s, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))})
	return o
}
