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
// The API itself: get and
// list, and patch.
// +kubebuilder:rbac:groups=a.dev,resources=things,verbs=get;list
// +kubebuilder:rbac:groups=a.dev,resources=things/status,verbs=patch
// Right below: get.
// +kubebuilder:rbac:groups="",resources=pods,verbs=get
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []right{
		{"a.dev", "things", "get, list", "The API itself: get and list, and patch."},
		{"a.dev", "things/status", "patch", "The API itself: get and list, and patch."},
		{"(core)", "pods", "get", "Right below: get."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights (-want +got):\n%s", diff)
	}
}

func TestARightWithAVerbThatNobodyExplainsIsRefused(t *testing.T) {
	for name, file := range map[string]string{
		"no paragraph":                         "// +kubebuilder:rbac:groups=a.dev,resources=things,verbs=get\n",
		"a verb that the paragraph leaves out": "// What get is for.\n// +kubebuilder:rbac:groups=a.dev,resources=things,verbs=get;list\n",
		"a verb in another word only":          "// What to getaway.\n// +kubebuilder:rbac:groups=a.dev,resources=things,verbs=get\n",
		"no markers":                           "// nothing\n",
	} {
		if _, err := read(strings.NewReader(file)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
