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

	"github.com/securedmcp/operator/api/v1alpha1"
)

// refusedPeriod is how often to try again what the API server refused: no watch
// reports that a quota or an admission policy has changed.
const refusedPeriod = time.Minute

// applyChildren makes the children as they should be, and writes nothing where
// they are. One that cannot be applied keeps no other from it, but for those that
// make no sense without it.
func (r *Reconciler) applyChildren(ctx context.Context, s *scope) error {
	for i := range s.children {
		c := &s.children[i]
		switch {
		case c.missing != "":
			s.missing[c.kind] = c.missing
			continue
		case s.strange[c.kind] != "" || s.holdsBack(c):
			continue
		case r.outgoing(s, c):
			s.outgoing = append(s.outgoing, c)
			continue
		}
		err := r.settle(ctx, s, c)
		r.remember(s, c.kind, err)
		switch {
		case err == nil:
		case namespaceEnds(err):
			return nil // and the server with it
		case apierrors.IsConflict(err):
			s.surprised = !c.exists()
			return fmt.Errorf("applying %s: %w", c.kind, err)
		case refused(err) && !another(err):
			s.refused[c.kind] = err
			s.soonest(r.anew.again(s.server, c))
		default:
			s.postpone(c.kind, err)
		}
	}
	return nil
}

// remember keeps here what the children that keep it could not be given, so that an edit
// that is not accepted brings back nothing of before: of a spec whose configuration was
// taken, the rest is applied though the ServiceAccount is not. A configuration that the API
// server refused was not taken, and the children say what was.
func (r *Reconciler) remember(s *scope, kind string, err error) {
	switch {
	case s.serving == nil:
	case kind == kindConfigMap && err != nil && refused(err):
		r.kept.Delete(client.ObjectKeyFromObject(s.server))
	case kind == kindServiceAccount && err != nil && !s.failed(kindConfigMap):
		r.keep(s.serving)
	}
}

// failed tells whether a child could not be applied.
func (s *scope) failed(kind string) bool { return s.unapplied[kind] != nil || s.refused[kind] != nil }

// holdsBack keeps pods from being made, or made anew, without what has to be there
// before them: the configuration that their template is for, what is kept of their spec,
// what keeps strangers from them and, if they are to speak TLS or no longer to do so, the
// port where clients find them. Nor does a route leave others for them without that. What
// is kept of a spec is of one whose configuration was taken.
func (s *scope) holdsBack(c *child) bool {
	closed := s.change.underWay && (s.failed(kindService) || s.failed(kindNetworkPolicy))
	switch c.kind {
	case kindDeployment:
		return s.failed(kindConfigMap) || s.failed(kindServiceAccount) || closed || !c.exists() && s.failed(kindNetworkPolicy)
	case kindServiceAccount:
		return s.failed(kindConfigMap) && c.exists()
	case kindIngress, httpRoute.kind:
		return closed && c.exists() && c.wanted
	}
	return false
}

// postpone leaves a child to the next pass. The conditions that it matters to stay
// as they are, unless that has been so for long.
func (s *scope) postpone(kind string, err error) {
	s.unapplied[kind] = err
	err = fmt.Errorf("applying %s: %w", kind, err)
	switch {
	case s.lasting:
		s.failures = append(s.failures, err)
	case kind == kindIngress || kind == kindCertificate || kind == httpRoute.kind:
		s.leave(v1alpha1.ConditionExposed, err)
	case isMonitoring(kind):
		s.leave(v1alpha1.ConditionMonitored, err)
	default:
		s.leave(v1alpha1.ConditionAvailable, err)
		s.undecided[v1alpha1.ConditionEnforced] = true
	}
}

// trouble is why a child is not as it should be, and will not be soon; nil if it
// is or may be.
func (s *scope) trouble(kind string) *cause {
	if why := s.strange[kind]; why != "" {
		return &cause{v1alpha1.ReasonNameConflict, why}
	}
	if err := s.refused[kind]; err != nil {
		return &cause{v1alpha1.ReasonChildRejected, fmt.Sprintf("the API server refused %s: %v", kind, err)}
	}
	if err := s.unapplied[kind]; err != nil {
		return &cause{v1alpha1.ReasonChildRejected, fmt.Sprintf("applying %s fails and is tried again: %v", kind, err)}
	}
	return nil
}

func (r *Reconciler) settle(ctx context.Context, s *scope, c *child) error {
	if !c.wanted {
		return r.remove(ctx, s.server, c)
	}
	if c.leaves() {
		return r.leadLeaving(ctx, s, c) // another is made when it has gone
	}
	if err := r.releaseUpdates(ctx, c); err != nil {
		return err
	}
	if c.exists() {
		if current, err := c.current(); current || err != nil {
			return err
		}
		if err := r.makeWay(ctx, s, c); err != nil || c.leaves() {
			return err
		}
	}
	return r.apply(ctx, c)
}

func (r *Reconciler) apply(ctx context.Context, c *child) error {
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
func (r *Reconciler) remove(ctx context.Context, server *v1alpha1.SecuredMCPServer, c *child) error {
	if !c.exists() || !ours(c.live, server) || !c.live.GetDeletionTimestamp().IsZero() {
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
