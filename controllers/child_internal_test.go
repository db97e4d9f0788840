package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
	"github.com/securedmcp/operator/test/kubetest"
)

// Between reading a child and applying it, the child may go and a stranger's
// object may come. The UID in the request stops us then.
func TestApplyNeverHitsAnotherObjectThanTheOneRead(t *testing.T) {
	c, err := client.New(kubetest.Config(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "uid-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	server := &v1alpha1.SecuredMCPServer{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: ns.Name, UID: "1"}}
	read := func() child {
		live := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: ns.Name, UID: "gone"}}
		return newChild(kindConfigMap, live, desired.ConfigMap(server, []byte("ours")))
	}
	apply := func() error {
		stale := read()
		return c.Apply(t.Context(), stale.configuration(), client.FieldOwner(FieldOwner), client.ForceOwnership)
	}

	t.Run("when there was none and a stranger's has come", func(t *testing.T) {
		stranger := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: ns.Name}, Data: map[string]string{"config.json": "theirs"}}
		if err := c.Create(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		b := server.DeepCopy()
		b.Name = "b"
		absent := newChild(kindConfigMap, &corev1.ConfigMap{}, desired.ConfigMap(b, []byte("ours")))
		if err := c.Apply(t.Context(), absent.configuration(), client.FieldOwner(FieldOwner), client.ForceOwnership); !apierrors.IsConflict(err) {
			t.Errorf("error %v, want a conflict", err)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(stranger), stranger); err != nil {
			t.Fatal(err)
		}
		if got := stranger.Data["config.json"]; got != "theirs" {
			t.Errorf("the stranger's data is now %q", got)
		}
	})
	t.Run("when there is none any more", func(t *testing.T) {
		if err := apply(); !apierrors.IsConflict(err) {
			t.Errorf("error %v, want a conflict", err)
		}
	})
	t.Run("when there is a stranger's", func(t *testing.T) {
		stranger := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: ns.Name}, Data: map[string]string{"config.json": "theirs"}}
		if err := c.Create(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		if err := apply(); !another(err) {
			t.Errorf("error %v, want one about the uid", err)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(stranger), stranger); err != nil {
			t.Fatal(err)
		}
		if got := stranger.Data["config.json"]; got != "theirs" {
			t.Errorf("the stranger's data is now %q", got)
		}
	})
}
