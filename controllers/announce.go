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

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// announceConfig changes an annotation of the pods when the ConfigMap has
// changed. A kubelet refreshes a pod's volumes when the pod changes, which takes
// a fraction of a second, and otherwise only about once a minute.
//
// The ConfigMap is as the cache has it, not as it was just applied: a kubelet that
// looks too early reads the old one and does not look again for a minute.
//
// A pod that cannot be told keeps no other from it, and is not held against the
// server: the kubelet looks by itself in the end, and what the pod says decides.
func (r *Reconciler) announceConfig(ctx context.Context, s *scope) error {
	cm, err := r.servedConfigMap(ctx, s.server)
	if err != nil || cm == nil {
		return err
	}
	news := announcement(cm)
	for i := range s.pods {
		p := &s.pods[i]
		if !hasKubelet(p) || p.Annotations[desired.AnnotationConfigRevision] == news {
			continue
		}
		r.asker.answers.outdate(p, news)
		if err := r.annotate(ctx, p, news); client.IgnoreNotFound(err) != nil {
			s.untold[p.UID] = err
			// Its kubelet finds out by itself, and no change of the pod says when.
			r.asker.again.ring(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		}
	}
	return nil
}

// announcement is the revision and, behind it, the version of the ConfigMap: who
// edits it by hand and has it healed gives the pods another one in between, which
// some may have read.
func announcement(cm *corev1.ConfigMap) string {
	return config.Revision([]byte(cm.Data[desired.ConfigKey])) + "-" + cm.ResourceVersion
}

// revisionOf is the revision of an announcement.
func revisionOf(announcement string) string {
	revision, _, _ := strings.Cut(announcement, "-")
	return revision
}

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

// servedConfigMap returns the server's ConfigMap, or nil if there is none of ours
// with a configuration.
func (r *Reconciler) servedConfigMap(ctx context.Context, server *v1alpha1.SecuredMCPServer) (*corev1.ConfigMap, error) {
	cm := new(corev1.ConfigMap)
	if err := r.own(ctx, server, cm); err != nil || cm.UID == "" {
		return nil, err
	}
	if _, ok := cm.Data[desired.ConfigKey]; !ok {
		return nil, nil
	}
	return cm, nil
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
