package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// refusedPeriod is how often to try again what the API server refused: no watch
// reports that a quota or an admission policy has changed.
const refusedPeriod = time.Minute

// applyChildren makes the children as they should be, and writes nothing where
// they are.
func (r *Reconciler) applyChildren(ctx context.Context, s *scope) error {
	for i := range s.children {
		c := &s.children[i]
		if c.missing != "" {
			s.missing[c.kind] = c.missing
			continue
		}
		err := r.settle(ctx, s, c)
		switch {
		case err == nil:
		case namespaceEnds(err):
			return nil // and the server with it
		case refused(err) && !another(err):
			s.refused[c.kind] = err
			s.soonest(refusedPeriod)
		default:
			return fmt.Errorf("applying %s: %w", c.kind, err)
		}
	}
	return nil
}

func (r *Reconciler) settle(ctx context.Context, s *scope, c *child) error {
	if !c.wanted {
		return r.remove(ctx, s, c)
	}
	if err := r.releaseUpdates(ctx, c); err != nil {
		return err
	}
	if c.exists() {
		if current, err := c.current(); current || err != nil {
			return err
		}
	}
	err := r.client.Apply(ctx, c.configuration(), client.ForceOwnership)
	if apierrors.IsInvalid(err) && c.exists() {
		err = r.overwrite(ctx, c, err)
	}
	if err != nil {
		return err
	}
	log.FromContext(ctx).Info("applied", "kind", c.kind)
	return nil
}

// overwrite replaces the lists of a child by ours. Applying merges lists by key:
// after somebody has changed a Service's port number by hand, applying adds ours
// beside theirs, and the API server refuses two ports of one name. If it refuses
// this too, what it said first is the one to tell.
//
// The patch is an update for the API server, which from then on has two entries
// for us. The one of updates is given up before the last apply, so that a pass
// that ends between the two leaves what the next one sees and mends.
func (r *Reconciler) overwrite(ctx context.Context, c *child, refusal error) error {
	patch, err := json.Marshal(c.configuration())
	if err != nil {
		return err
	}
	if r.client.Patch(ctx, c.live, client.RawPatch(types.MergePatchType, patch)) != nil {
		return refusal
	}
	if err := r.releaseUpdates(ctx, c); err != nil {
		return err
	}
	return r.client.Apply(ctx, c.configuration(), client.ForceOwnership)
}

// remove deletes a child that is no longer wanted, if it is ours.
func (r *Reconciler) remove(ctx context.Context, s *scope, c *child) error {
	if !c.exists() || !ours(c.live, s.server) || !c.live.GetDeletionTimestamp().IsZero() {
		return nil
	}
	uid := c.live.GetUID()
	err := r.client.Delete(ctx, c.live, client.Preconditions{UID: &uid})
	if err == nil {
		log.FromContext(ctx).Info("deleted", "kind", c.kind)
	}
	return client.IgnoreNotFound(err)
}

// refused tells whether the API server has judged the object and said no: its
// validation, an admission policy, a quota. Trying again soon does not help, and
// a person has to know.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// another tells that the object is not the one that was read: it went, and
// another of its name came. The next pass sees which.
func another(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

func namespaceEnds(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
