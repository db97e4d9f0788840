package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// schema is shorter than its name in the API.
type schema = apiextensionsv1.JSONSchemaProps

// Definitions returns what an object or a client of the old definition may trip
// over in the new one, in an order that does not change.
func Definitions(before, after *apiextensionsv1.CustomResourceDefinition) []string {
	var found []string
	if before.Spec.Scope != after.Spec.Scope {
		found = append(found, fmt.Sprintf("scope: %s became %s", before.Spec.Scope, after.Spec.Scope))
	}
	found = append(found, names(&before.Spec.Names, &after.Spec.Names)...)
	for _, v := range before.Spec.Versions {
		i := slices.IndexFunc(after.Spec.Versions, func(n apiextensionsv1.CustomResourceDefinitionVersion) bool { return n.Name == v.Name })
		switch {
		case i < 0:
			found = append(found, v.Name+": the version is gone")
		case v.Served && !after.Spec.Versions[i].Served:
			found = append(found, v.Name+": the version is no longer served")
		default:
			found = append(found, versions(&v, &after.Spec.Versions[i])...)
		}
	}
	slices.Sort(found)
	return found
}

func versions(before, after *apiextensionsv1.CustomResourceDefinitionVersion) []string {
	return slices.Concat(
		subresources(before.Name, before.Subresources, after.Subresources),
		columns(before.Name, before.AdditionalPrinterColumns, after.AdditionalPrinterColumns),
		schemas(before.Name, before.Schema.OpenAPIV3Schema, after.Schema.OpenAPIV3Schema),
	)
}

func schemas(path string, before, after *schema) []string {
	if before == nil || after == nil {
		return nil
	}
	found := slices.Concat(
		kinds(path, before, after),
		openness(path, before, after),
		choices(path, before, after),
		bounds(path, before, after),
		rules(path, before, after),
		fields(path, before, after),
	)
	if before.Items != nil && after.Items != nil {
		found = append(found, schemas(path+"[]", before.Items.Schema, after.Items.Schema)...)
	}
	if before.AdditionalProperties != nil && after.AdditionalProperties != nil {
		found = append(found, schemas(path+"{}", before.AdditionalProperties.Schema, after.AdditionalProperties.Schema)...)
	}
	return found
}

func kinds(path string, before, after *schema) []string {
	var found []string
	for what, pair := range map[string][2]string{
		"type":     {before.Type, after.Type},
		"format":   {before.Format, after.Format},
		"pattern":  {before.Pattern, after.Pattern},
		"listType": {text(before.XListType), text(after.XListType)},
		"mapType":  {text(before.XMapType), text(after.XMapType)},
		"listMapKeys": {
			fmt.Sprint(before.XListMapKeys), fmt.Sprint(after.XListMapKeys),
		},
		"default": {raw(before.Default), raw(after.Default)},
	} {
		if pair[0] != pair[1] {
			found = append(found, fmt.Sprintf("%s: %s %q became %q", path, what, pair[0], pair[1]))
		}
	}
	return found
}

func text[S ~string](s *S) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

func raw(j *apiextensionsv1.JSON) string {
	if j == nil {
		return ""
	}
	return string(j.Raw)
}

func choices(path string, before, after *schema) []string {
	if len(after.Enum) == 0 {
		return nil
	}
	if len(before.Enum) == 0 {
		return []string{path + ": only certain values are allowed now"}
	}
	var found []string
	for _, value := range before.Enum {
		if !slices.ContainsFunc(after.Enum, func(v apiextensionsv1.JSON) bool { return string(v.Raw) == string(value.Raw) }) {
			found = append(found, fmt.Sprintf("%s: value %s is no longer allowed", path, value.Raw))
		}
	}
	return found
}

// bounds reports those that are tighter than before.
func bounds(path string, before, after *schema) []string {
	var found []string
	most := map[string][2]*int64{
		"maxLength": {before.MaxLength, after.MaxLength}, "maxItems": {before.MaxItems, after.MaxItems},
		"maxProperties": {before.MaxProperties, after.MaxProperties}, "maximum": {whole(before.Maximum), whole(after.Maximum)},
	}
	if m := after.MultipleOf; m != nil && (before.MultipleOf == nil || *before.MultipleOf != *m) {
		found = append(found, fmt.Sprintf("%s: multipleOf is %v now", path, *m))
	}
	for what, b := range most {
		if b[1] != nil && (b[0] == nil || *b[1] < *b[0]) {
			found = append(found, fmt.Sprintf("%s: %s is %d now", path, what, *b[1]))
		}
	}
	least := map[string][2]*int64{
		"minLength": {before.MinLength, after.MinLength}, "minItems": {before.MinItems, after.MinItems},
		"minProperties": {before.MinProperties, after.MinProperties}, "minimum": {whole(before.Minimum), whole(after.Minimum)},
	}
	for what, b := range least {
		if b[1] != nil && (b[0] == nil || *b[1] > *b[0]) {
			found = append(found, fmt.Sprintf("%s: %s is %d now", path, what, *b[1]))
		}
	}
	return found
}

// whole is enough for this API: it has no fractions.
func whole(f *float64) *int64 {
	if f == nil {
		return nil
	}
	n := int64(*f)
	return &n
}

// rules reports CEL rules that were not there: whether one means what an older
// one meant, a person has to say. What a rule says, and about which field, is what
// tools show.
func rules(path string, before, after *schema) []string {
	var found []string
	for _, rule := range after.XValidations {
		i := slices.IndexFunc(before.XValidations, func(r apiextensionsv1.ValidationRule) bool { return r.Rule == rule.Rule })
		if i < 0 {
			found = append(found, fmt.Sprintf("%s: a new rule: %s", path, cmp.Or(rule.Message, rule.MessageExpression)))
			continue
		}
		was := before.XValidations[i]
		for what, pair := range map[string][2]string{
			"messageExpression": {was.MessageExpression, rule.MessageExpression},
			"fieldPath":         {was.FieldPath, rule.FieldPath},
			"reason":            {text(was.Reason), text(rule.Reason)},
			"optionalOldSelf":   {truth(was.OptionalOldSelf), truth(rule.OptionalOldSelf)},
		} {
			if pair[0] != pair[1] {
				found = append(found, fmt.Sprintf("%s: %s of rule %q: %q became %q", path, what, rule.Rule, pair[0], pair[1]))
			}
		}
	}
	return found
}

func fields(path string, before, after *schema) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(before.Properties)) {
		was := before.Properties[name]
		is, ok := after.Properties[name]
		if !ok {
			found = append(found, path+"."+name+": the field is gone")
			continue
		}
		found = append(found, schemas(path+"."+name, &was, &is)...)
	}
	for _, name := range after.Required {
		if !slices.Contains(before.Required, name) {
			found = append(found, path+"."+name+": the field is required now")
		}
	}
	return found
}
