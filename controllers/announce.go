package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// announceConfig changes an annotation of the pods when the ConfigMap has
// changed. A kubelet refreshes a pod's volumes when the pod changes, which takes
// a fraction of a second, and otherwise only about once a minute.
//
// The revision is that of the ConfigMap as the cache has it, not of what was
// just rendered: a kubelet that looks too early reads the old one and does not
// look again for a minute.
func (r *Reconciler) announceConfig(ctx context.Context, s *scope) error {
	raw, err := r.servedConfig(ctx, s.server)
	if err != nil || raw == nil {
		return err
	}
	revision := config.Revision(raw)
	for i := range s.pods {
		p := &s.pods[i]
		if !hasKubelet(p) || p.Annotations[desired.AnnotationConfigRevision] == revision {
			continue
		}
		r.asker.answers.outdate(p)
		if err := r.annotate(ctx, p, revision); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("annotating pod %s: %w", p.Name, err)
		}
	}
	return nil
}

// hasKubelet tells whether some kubelet has mounted the pod's volumes, or is
// about to, and will go on refreshing them.
func hasKubelet(p *corev1.Pod) bool {
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return p.Spec.NodeName != "" && p.DeletionTimestamp.IsZero() && !ended
}

func (r *Reconciler) annotate(ctx context.Context, p *corev1.Pod, revision string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         p.UID,
		"annotations": map[string]string{desired.AnnotationConfigRevision: revision},
	}})
	if err != nil {
		return err
	}
	return r.client.Patch(ctx, p, client.RawPatch(types.MergePatchType, patch))
}

// servedConfig returns what the server's ConfigMap holds, or nil if there is
// none of ours.
func (r *Reconciler) servedConfig(ctx context.Context, server *v1alpha1.SecuredMCPServer) ([]byte, error) {
	var cm corev1.ConfigMap
	if err := r.own(ctx, server, &cm); err != nil || cm.UID == "" {
		return nil, err
	}
	raw, ok := cm.Data[desired.ConfigKey]
	if !ok {
		return nil, nil
	}
	return []byte(raw), nil
}
