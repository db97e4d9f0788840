package controllers

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// rollout returns what is to be said of pods that are not of the newest template
// of the Deployment, or nil if all are. Such pods run another image, mount other
// Secrets, or do not speak TLS, whichever revision of the configuration they
// enforce; obstacle, if any, is what holds the new ones up.
func rollout(d *appsv1.Deployment, obstacle *cause) *cause {
	all, updated := d.Status.Replicas, d.Status.UpdatedReplicas
	if all <= updated {
		return nil
	}
	count := fmt.Sprintf("%d of %d replicas are of the newest pod template", updated, all)
	switch {
	case d.Spec.Paused:
		return &cause{v1alpha1.ReasonPaused, fmt.Sprintf("%s and the Deployment is paused; resume it: kubectl rollout resume deployment/%s", count, d.Name)}
	case obstacle != nil:
		return &cause{v1alpha1.ReasonRollingOut, count + ": " + obstacle.message}
	}
	return &cause{v1alpha1.ReasonRollingOut, count}
}

// lastOfRollout returns what is to be said of a pod of an older template that is
// being deleted and takes requests until it ends: the Deployment counts it no more.
// When all that it counts are of the newest template, so is any other pod.
func (s *scope) lastOfRollout() *cause {
	i := slices.IndexFunc(s.pods, func(p corev1.Pod) bool { return p.DeletionTimestamp.IsZero() && !hasEnded(&p) })
	if i < 0 {
		return nil
	}
	newest := s.pods[i].Labels[labelTemplate]
	for j := range s.pods {
		p := &s.pods[j]
		if !p.DeletionTimestamp.IsZero() && takesRequests(p) && p.Labels[labelTemplate] != newest {
			return &cause{v1alpha1.ReasonRollingOut, fmt.Sprintf("pod %s of an older pod template takes requests until it ends: it is being deleted", p.Name)}
		}
	}
	return nil
}
