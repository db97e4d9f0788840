package main

import (
	"fmt"
	"slices"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// names are what people and scripts type.
func names(before, after *apiextensionsv1.CustomResourceDefinitionNames) []string {
	var found []string
	for what, pair := range map[string][2]string{
		"kind": {before.Kind, after.Kind}, "plural": {before.Plural, after.Plural},
		"singular": {before.Singular, after.Singular}, "listKind": {before.ListKind, after.ListKind},
	} {
		if pair[0] != pair[1] {
			found = append(found, fmt.Sprintf("names: %s %q became %q", what, pair[0], pair[1]))
		}
	}
	for what, pair := range map[string][2][]string{
		"short name": {before.ShortNames, after.ShortNames},
		"category":   {before.Categories, after.Categories},
	} {
		for _, name := range pair[0] {
			if !slices.Contains(pair[1], name) {
				found = append(found, fmt.Sprintf("names: %s %s is gone", what, name))
			}
		}
	}
	return found
}

func subresources(version string, before, after *apiextensionsv1.CustomResourceSubresources) []string {
	if before == nil {
		before = new(apiextensionsv1.CustomResourceSubresources)
	}
	if after == nil {
		after = new(apiextensionsv1.CustomResourceSubresources)
	}
	var found []string
	// A new one changes what an update of the whole writes.
	if (before.Status == nil) != (after.Status == nil) {
		found = append(found, fmt.Sprintf("%s: subresource status: %t became %t", version, before.Status != nil, after.Status != nil))
	}
	if before.Scale != nil && (after.Scale == nil || !samePaths(before.Scale, after.Scale)) {
		found = append(found, version+": subresource scale is gone or reads other fields")
	}
	return found
}

func samePaths(a, b *apiextensionsv1.CustomResourceSubresourceScale) bool {
	return a.SpecReplicasPath == b.SpecReplicasPath && a.StatusReplicasPath == b.StatusReplicasPath && text(a.LabelSelectorPath) == text(b.LabelSelectorPath)
}

// columns are what kubectl get prints, and scripts cut.
func columns(version string, before, after []apiextensionsv1.CustomResourceColumnDefinition) []string {
	var found []string
	for _, was := range before {
		i := slices.IndexFunc(after, func(c apiextensionsv1.CustomResourceColumnDefinition) bool { return c.Name == was.Name })
		switch {
		case i < 0:
			found = append(found, fmt.Sprintf("%s: column %s is gone", version, was.Name))
		case after[i].JSONPath != was.JSONPath || after[i].Type != was.Type:
			found = append(found, fmt.Sprintf("%s: column %s: %s %s became %s %s", version, was.Name, was.Type, was.JSONPath, after[i].Type, after[i].JSONPath))
		case after[i].Priority != was.Priority:
			found = append(found, fmt.Sprintf("%s: column %s: priority %d became %d", version, was.Name, was.Priority, after[i].Priority))
		}
	}
	return found
}

// openness reports values that are no longer kept or taken, and others that
// readers do not expect.
func openness(path string, before, after *schema) []string {
	var found []string
	for what, pair := range map[string][2]string{
		"nullable":                     {strconv.FormatBool(before.Nullable), strconv.FormatBool(after.Nullable)},
		"preserve-unknown-fields":      {truth(before.XPreserveUnknownFields), truth(after.XPreserveUnknownFields)},
		"int-or-string":                {strconv.FormatBool(before.XIntOrString), strconv.FormatBool(after.XIntOrString)},
		"embedded-resource":            {strconv.FormatBool(before.XEmbeddedResource), strconv.FormatBool(after.XEmbeddedResource)},
		"uniqueItems":                  {strconv.FormatBool(before.UniqueItems), strconv.FormatBool(after.UniqueItems)},
		"exclusiveMinimum":             {strconv.FormatBool(before.ExclusiveMinimum), strconv.FormatBool(after.ExclusiveMinimum)},
		"exclusiveMaximum":             {strconv.FormatBool(before.ExclusiveMaximum), strconv.FormatBool(after.ExclusiveMaximum)},
		"whether other keys are taken": {strconv.FormatBool(before.AdditionalProperties != nil), strconv.FormatBool(after.AdditionalProperties != nil)},
	} {
		if pair[0] != pair[1] {
			found = append(found, fmt.Sprintf("%s: %s: %s became %s", path, what, pair[0], pair[1]))
		}
	}
	return found
}

func truth(b *bool) string { return strconv.FormatBool(b != nil && *b) }
