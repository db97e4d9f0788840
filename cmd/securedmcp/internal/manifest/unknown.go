package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
)

// metadataFields are the fields of ObjectMeta that people write.
var metadataFields = []string{"annotations", "finalizers", "generateName", "labels", "name", "namespace", "ownerReferences"}

// pruneUnknown removes the fields that the schema does not know from the object,
// and names each with the nearest one that it does know.
func (s *crdSchema) pruneUnknown(r *report) {
	invalid, inMetadata := objectmeta.CoerceWithOptions(nil, r.object, s.structural, true, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	if invalid != nil {
		r.add(invalid.Field, describe(invalid))
	}
	unknown := pruning.PruneWithOptions(r.object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range slices.Concat(inMetadata, unknown) {
		s.addUnknown(r, path)
	}
}

// addUnknown settles the field that was meant, too: that it is missing is no
// other mistake. What has fields where none can be is of the wrong type, which
// validation tells.
func (s *crdSchema) addUnknown(r *report, path string) {
	parent, name := splitLast(path)
	known := s.fieldsAt(parent)
	if len(known) == 0 {
		return
	}
	near := nearest(name, known)
	key := r.find(path).key
	if near == "" {
		r.addAt(key, path, "is not a field; known here: "+strings.Join(known, ", "))
		return
	}
	r.addAt(key, path, fmt.Sprintf("is not a field; did you mean %s?", near))
	r.settle(strings.TrimPrefix(parent+"."+near, "."))
}

func splitLast(path string) (parent, name string) {
	i := strings.LastIndex(path, ".")
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// fieldsAt are the names that the schema knows below path, sorted.
func (s *crdSchema) fieldsAt(path string) []string {
	if path == "metadata" {
		return metadataFields
	}
	schema := s.structural
	for name := range strings.SplitSeq(path, ".") {
		name, index, isItem := strings.Cut(name, "[")
		if name != "" {
			next := schema.Properties[name]
			schema = &next
		}
		for range strings.Count(index, "]") {
			if isItem && schema.Items != nil {
				schema = schema.Items
			}
		}
	}
	return slices.Sorted(maps.Keys(schema.Properties))
}
