package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

// findPods lists the server's pods once, by name, so that all phases of a pass
// speak of the same ones.
func (r *Reconciler) findPods(ctx context.Context, s *scope) error {
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.InNamespace(s.server.Namespace), client.MatchingLabels(desired.Selector(s.server))); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	s.pods = pods.Items
	return nil
}
