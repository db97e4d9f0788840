package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

// noteConfig notes of pods that are seen first, and have been told of nothing, what the
// ConfigMap has before this pass changes it: they may have mounted that.
func (r *Reconciler) noteConfig(ctx context.Context, s *scope) error {
	given, version, err := r.given(ctx, s.server)
	if err != nil {
		return err
	}
	for i := range s.pods {
		p := &s.pods[i]
		if !hasKubelet(p) || !neverTold(p) {
			continue
		}
		if r.asker.answers.note(p, mountedBy(p, given, version)) {
			r.askAgain(p)
		}
	}
	return nil
}

// mountedBy is the announcement of what p has mounted, which has been told of nothing.
// Nobody knows it of a pod that is older than what the ConfigMap has: an operator that died
// before it told the pods may have left it with what there was. Nor of one that has started
// before and takes no requests, since that will not be asked.
func mountedBy(p *corev1.Pod, given *served, version string) string {
	if given == nil || given.changedAfter(p) || hasStarted(p) && !takesRequests(p) {
		return unknown
	}
	return announcement(given.Revision, version)
}

// changedAfter tells whether the operator changed the ConfigMap after p was made. Both
// times are the API server's, in whole seconds: a pod of a new server, which often comes
// in the second of its ConfigMap, is not older. Where several API servers have clocks that
// differ, a pod made about then may be told once in vain, or not and go by what it says.
func (s *served) changedAfter(p *corev1.Pod) bool {
	return s.changed != nil && s.changed.After(p.CreationTimestamp.Time)
}

// announceConfig changes an annotation of the pods when the ConfigMap has
// changed. A kubelet refreshes a pod's volumes when the pod changes, which takes
// a fraction of a second, and otherwise only about once a minute. A new pod has
// mounted what there is and need not be told, unless it says otherwise.
//
// The ConfigMap is as the cache has it, not as it was just applied: a kubelet that
// looks too early reads the old one and does not look again for a minute.
//
// A pod that cannot be told keeps no other from it, and is not held against the
// server: the kubelet looks by itself in the end, and what the pod says decides.
func (r *Reconciler) announceConfig(ctx context.Context, s *scope) error {
	given, version, err := r.given(ctx, s.server)
	if err != nil || given == nil {
		return err
	}
	news := announcement(given.Revision, version)
	for i := range s.pods {
		p := &s.pods[i]
		if !hasKubelet(p) || p.Annotations[desired.AnnotationConfigRevision] == news {
			continue
		}
		another := r.asker.answers.outdate(p, news)
		if neverTold(p) && !r.asker.answers.isBehind(p) {
			if another {
				r.askAgain(p)
			}
			continue
		}
		err := r.annotate(ctx, p, news)
		if client.IgnoreNotFound(err) != nil {
			s.untold[p.UID] = err
		}
		if err != nil {
			// Its kubelet finds out by itself, and no change of the pod says when. One that
			// has gone is forgotten.
			r.askAgain(p)
		}
	}
	return nil
}

// announcement is the revision and, behind it, the version of the ConfigMap: who
// edits it by hand and has it healed gives the pods another one in between, which
// some may have read.
func announcement(revision, version string) string { return revision + "-" + version }

// unknown is the announcement of what nobody knows. It is no ConfigMap's.
const unknown = "-"

// revisionOf is the revision of an announcement.
func revisionOf(announcement string) string {
	revision, _, _ := strings.Cut(announcement, "-")
	return revision
}

// askAgain has p asked though no change of p says that it should be.
func (r *Reconciler) askAgain(p *corev1.Pod) {
	r.asker.again.ring(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
}

// neverTold tells whether p has nothing but what it mounted when it came, as far as
// the operator has to do with it.
func neverTold(p *corev1.Pod) bool { return p.Annotations[desired.AnnotationConfigRevision] == "" }

// hasKubelet tells whether some kubelet has mounted the pod's volumes, or is
// about to. That of a pod on its way out may refresh them no more; the pod is told
// all the same, so that everybody sees what it should enforce until it ends.
func hasKubelet(p *corev1.Pod) bool {
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return p.Spec.NodeName != "" && !ended
}

// annotate patches a copy: what it returns has not been trimmed.
func (r *Reconciler) annotate(ctx context.Context, p *corev1.Pod, news string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         p.UID,
		"annotations": map[string]string{desired.AnnotationConfigRevision: news},
	}})
	if err != nil {
		return err
	}
	return r.client.Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
}

// tellingError is why pods could not be told: reason to try again, and no more.
func (s *scope) tellingError() error {
	var errs []error
	for i := range s.pods {
		if err := s.untold[s.pods[i].UID]; err != nil {
			errs = append(errs, fmt.Errorf("annotating pod %s: %w", s.pods[i].Name, err))
		}
	}
	return errors.Join(errs...)
}
