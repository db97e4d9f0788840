package controllers

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// optionalKind is a kind of child that a cluster may not have. Its objects are
// unstructured: the operator sets a few fields of large APIs, and none of their
// modules is worth its weight.
type optionalKind struct {
	kind    string
	version schema.GroupVersion
	// install is what brings the kind into a cluster.
	install string
	// desired returns the object that a server asks for, nil if it asks for none.
	desired func(*v1alpha1.SecuredMCPServer) *unstructured.Unstructured
}

// optionalKinds are all of them, in the order in which they are applied, which is
// after all other children. To add one takes an entry here and its rights in
// rbac.go.
var optionalKinds = []optionalKind{
	{kindCertificate, desired.CertificateVersion, "cert-manager", desired.Certificate},
	httpRoute, serviceMonitor, prometheusRule,
}

var httpRoute = optionalKind{"HTTPRoute", desired.HTTPRouteVersion, "the CustomResourceDefinitions of the Gateway API", desired.HTTPRoute}

// object returns an empty object of the kind.
func (k optionalKind) object() *unstructured.Unstructured {
	o := new(unstructured.Unstructured)
	o.SetGroupVersionKind(k.version.WithKind(k.kind))
	return o
}

// child pairs what server asks for with an empty object to read the live one
// into.
func (k optionalKind) child(server *v1alpha1.SecuredMCPServer, change changeover) child {
	live, want := k.object(), k.desired(server)
	if change.routesStay() && k.kind == httpRoute.kind && want != nil {
		desired.LeadHTTPRoute(want, change.tls)
	}
	return child{
		kind:   k.kind,
		live:   live,
		wanted: want != nil,
		fields: func() any { return essentials(want) },
		configuration: func() runtime.ApplyConfiguration {
			if uid := live.GetUID(); uid != "" {
				want.SetUID(uid)
			} else {
				want.SetResourceVersion(noVersion)
			}
			return client.ApplyConfigurationFromUnstructured(want)
		},
	}
}

// optionalChildren returns the children of optional kinds that can be had, or
// that server asks for.
func (r *Reconciler) optionalChildren(server *v1alpha1.SecuredMCPServer, change changeover) []child {
	var children []child
	for _, k := range r.apis.kinds {
		c := k.child(server, change)
		c.missing = r.apis.missing(k)
		if c.wanted || c.missing == "" {
			children = append(children, c)
		}
	}
	return children
}

// essentials is o without what identifies it, which no field manager owns.
func essentials(o *unstructured.Unstructured) map[string]any {
	c := o.DeepCopy()
	for _, field := range []string{"name", "namespace", "uid"} {
		unstructured.RemoveNestedField(c.Object, "metadata", field)
	}
	delete(c.Object, "apiVersion")
	delete(c.Object, "kind")
	return c.Object
}

// extractApplied returns the fields of live that FieldOwner applied. The functions
// of typed apply configurations do this by the schema of their kind; here the
// managed fields themselves say which lists are merged by key.
func extractApplied(live *unstructured.Unstructured) (any, error) {
	entries := live.GetManagedFields()
	at := slices.IndexFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return appliedByUs(e) && e.Subresource == "" })
	if at < 0 {
		return map[string]any{}, nil
	}
	set := new(fieldpath.Set)
	if err := set.FromJSON(entries[at].FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("reading the managed fields of %s: %w", live.GetKind(), err)
	}
	return extract(live.Object, set), nil
}

// extract returns the parts of v that set names.
func extract(v any, set *fieldpath.Set) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, field := range v {
			if part, ok := extractPart(field, fieldpath.PathElement{FieldName: &name}, set); ok {
				out[name] = part
			}
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			if element, ok := elementOf(item, set); ok {
				part, _ := extractPart(item, element, set)
				out = append(out, part)
			}
		}
		return out
	default:
		return v
	}
}

// extractPart returns the part of v, which is at element, that set names: parts of
// it if set names those, or else all of it.
func extractPart(v any, element fieldpath.PathElement, set *fieldpath.Set) (part any, ok bool) {
	if inner := set.WithPrefix(element); !inner.Empty() {
		return extract(v, inner), true
	}
	return v, set.Members.Has(element)
}

// elementOf finds the path element of set that stands for item of a list: its
// keys, or the item itself.
func elementOf(item any, set *fieldpath.Set) (found fieldpath.PathElement, ok bool) {
	match := func(e fieldpath.PathElement) {
		switch {
		case e.Key != nil && hasKeys(item, *e.Key), e.Value != nil && value.Equals(*e.Value, value.NewValueInterface(item)):
			found, ok = e, true
		}
	}
	set.Members.Iterate(match)
	set.Children.Iterate(match)
	return found, ok
}

func hasKeys(item any, keys value.FieldList) bool {
	fields, ok := item.(map[string]any)
	return ok && !slices.ContainsFunc(keys, func(key value.Field) bool {
		return !value.Equals(key.Value, value.NewValueInterface(fields[key.Name]))
	})
}
