package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

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
