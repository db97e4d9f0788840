package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1ac "github.com/securedmcp/operator/api/applyconfiguration/api/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// report writes the status if it changed, and after that, if Ready changed, one
// event.
func (r *Reconciler) report(ctx context.Context, s *scope) error {
	if equality.Semantic.DeepEqual(s.server.Status, s.status) {
		return nil
	}
	err := r.client.Status().Apply(ctx, statusConfiguration(s), client.ForceOwnership)
	if apierrors.IsNotFound(err) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	r.patience.end(client.ObjectKeyFromObject(s.server)) // what comes next may be worth waiting for again
	r.record(s)
	return nil
}

func statusConfiguration(s *scope) *v1alpha1ac.SecuredMCPServerApplyConfiguration {
	status := v1alpha1ac.SecuredMCPServerStatus()
	if s.status.ObservedGeneration > 0 {
		status.WithObservedGeneration(s.status.ObservedGeneration)
	}
	if s.status.Revision != "" {
		status.WithRevision(s.status.Revision).WithResourceMetadataURL(s.status.ResourceMetadataURL)
	}
	if s.status.URL != "" {
		status.WithURL(s.status.URL)
	}
	if n := s.status.Tools; n != nil {
		status.WithTools(*n)
	}
	if n := s.status.Replicas; n != nil {
		status.WithEnforced(s.status.Enforced).WithReplicas(v1alpha1ac.ReplicaCounts().
			WithDesired(n.Desired).WithReady(n.Ready).WithEnforcing(n.Enforcing))
	}
	for _, c := range s.status.Conditions {
		if !isOurs(c.Type) {
			continue // to apply it would be to own it, and to undo what its owner does
		}
		status.WithConditions(metav1ac.Condition().
			WithType(c.Type).
			WithStatus(c.Status).
			WithReason(c.Reason).
			WithMessage(c.Message).
			WithObservedGeneration(c.ObservedGeneration).
			WithLastTransitionTime(c.LastTransitionTime))
	}
	return v1alpha1ac.SecuredMCPServer(s.server.Name, s.server.Namespace).WithUID(s.server.UID).WithStatus(status)
}

// record tells of a change of Ready. The first sight of a server that merely has
// to start is no news.
func (r *Reconciler) record(s *scope) {
	before := meta.FindStatusCondition(s.server.Status.Conditions, v1alpha1.ConditionReady)
	now := meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionReady)
	if before == nil && (now.Reason == v1alpha1.ReasonProgressing || now.Reason == v1alpha1.ReasonReconciling) {
		return
	}
	if before != nil && before.Status == now.Status && before.Reason == now.Reason {
		return
	}
	if before != nil && before.Status == metav1.ConditionTrue && (now.Reason == v1alpha1.ReasonRollingOut || now.Reason == v1alpha1.ReasonPropagating) {
		return // replicas serve: how it ends is the news
	}
	kind := corev1.EventTypeNormal
	if now.Status == metav1.ConditionFalse && now.Reason != v1alpha1.ReasonProgressing && now.Reason != v1alpha1.ReasonRollingOut {
		kind = corev1.EventTypeWarning
	}
	r.events.Eventf(s.server, nil, kind, now.Reason, "Reconcile", "%s", eventNote(now.Message))
}

// eventNote bounds a note to the 1024 bytes that the events API allows.
func eventNote(message string) string {
	const most = 1024
	if len(message) <= most {
		return message
	}
	cut := []rune(message)
	for len(string(cut)) > most-len("…") {
		cut = cut[:len(cut)-1]
	}
	return string(cut) + "…"
}
