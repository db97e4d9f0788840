package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarkersAndTheParagraphsAboveThem(t *testing.T) {
	got, err := read(strings.NewReader(`package x

// A title.
//
// The API itself; and
// more of it.
// +kubebuilder:rbac:groups=a.dev,resources=things,verbs=get;list
// +kubebuilder:rbac:groups=a.dev,resources=things/status,verbs=patch
// Right below.
// +kubebuilder:rbac:groups="",resources=pods,verbs=get
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []right{
		{"a.dev", "things", "get, list", "The API itself; and more of it."},
		{"a.dev", "things/status", "patch", "The API itself; and more of it."},
		{"(core)", "pods", "get", "Right below."},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(right{})); diff != "" {
		t.Errorf("rights (-want +got):\n%s", diff)
	}
}

func TestARightWithoutAReasonIsRefused(t *testing.T) {
	for name, file := range map[string]string{
		"no paragraph": "// +kubebuilder:rbac:groups=a.dev,resources=things,verbs=get\n",
		"no markers":   "// nothing\n",
	} {
		if _, err := read(strings.NewReader(file)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
