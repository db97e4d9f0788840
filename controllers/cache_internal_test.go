package controllers

import (
	"fmt"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func serviceOwning(t *testing.T, trim *trimmer, fields string) *corev1.Service {
	t.Helper()
	entry := func(manager string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{entry("somebody"), entry(FieldOwner)}}}
	if _, err := trim.child(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCachedChildrenKeepOurFieldsAlone(t *testing.T) {
	s := serviceOwning(t, new(trimmer), `{"f:spec":{}}`)
	if len(s.ManagedFields) != 1 || s.ManagedFields[0].Manager != FieldOwner || s.ManagedFields[0].FieldsV1.GetRawString() != `{"f:spec":{}}` {
		t.Errorf("managed fields %+v, want ours alone", s.ManagedFields)
	}
}

func TestCachedChildrenShareEqualSetsOfFields(t *testing.T) {
	trim := new(trimmer)
	raw := func(fields string) *byte {
		return unsafe.SliceData(serviceOwning(t, trim, fields).ManagedFields[0].FieldsV1.GetRawBytes())
	}
	if one, other := raw(`{"f:spec":{}}`), raw(`{"f:spec":{}}`); one != other {
		t.Error("two equal sets are in memory twice")
	}
	if one, other := raw(`{"f:spec":{}}`), raw(`{"f:data":{}}`); one == other {
		t.Error("two sets that differ are one")
	}
	for i := range mostFieldSets + 1 {
		raw(fmt.Sprintf(`{"f:%d":{}}`, i))
	}
	if n := len(trim.fields.known); n > mostFieldSets {
		t.Errorf("%d sets are kept, want %d at most", n, mostFieldSets)
	}
}
