package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// releaseUpdates gives up what the operator owns of a child by updates. Applying
// removes a field that is no longer wanted only if nobody else owns it, and for
// the API server our own updates are somebody else.
func (r *Reconciler) releaseUpdates(ctx context.Context, c *child) error {
	if !slices.ContainsFunc(c.live.GetManagedFields(), updatedByUs) {
		return nil
	}
	// The cache does not hold the entries of others, which must stay.
	uid := c.live.GetUID()
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(c.live), c.live); err != nil {
		return fmt.Errorf("reading its field managers: %w", err)
	}
	if c.live.GetUID() != uid {
		return fmt.Errorf("reading its field managers: another %s of this name has come", c.kind)
	}
	patch, err := withoutUpdates(c.live)
	if err != nil {
		return err
	}
	if err := r.client.Patch(ctx, c.live, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("giving up ownership by updates: %w", err)
	}
	return nil
}

// withoutUpdates is the JSON patch that leaves our updates out of the field
// managers of o. It fails if anybody has written o meanwhile.
func withoutUpdates(o client.Object) ([]byte, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	return json.Marshal([]operation{
		{"replace", "/metadata/managedFields", slices.DeleteFunc(slices.Clone(o.GetManagedFields()), updatedByUs)},
		{"replace", "/metadata/resourceVersion", o.GetResourceVersion()},
	})
}

func updatedByUs(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == FieldOwner && e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == ""
}
