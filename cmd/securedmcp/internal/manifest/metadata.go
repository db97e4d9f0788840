package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkMetadataTypes reports metadata of the wrong type and removes it. The CRD's
// schema says nothing about metadata, and what decodes it stops at the first
// error.
func checkMetadataTypes(r *report) {
	metadata, ok := r.object["metadata"].(map[string]any)
	if !ok {
		return // missing or no mapping at all: the schema says so
	}
	for {
		field, detail := firstWrongType(metadata)
		if field == "" {
			return
		}
		r.add("metadata."+field, detail)
		delete(metadata, field)
	}
}

// firstWrongType names one member of metadata and what is wrong with its type.
func firstWrongType(metadata map[string]any) (field, detail string) {
	for name, value := range metadata {
		raw, err := json.Marshal(map[string]any{name: value})
		if err != nil {
			return name, err.Error()
		}
		err = json.Unmarshal(raw, new(metav1.ObjectMeta))
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return name, fmt.Sprintf("is or holds %s; want %s", withArticle(wrong.Value), goType(wrong.Type))
		}
		if err != nil {
			return name, err.Error()
		}
	}
	return "", ""
}

// goType is what a person writes for a value of t.
func goType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Map:
		return "a mapping of strings"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Struct:
		return "a mapping"
	default:
		return "a value of type " + t.String()
	}
}
