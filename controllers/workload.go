package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// observeWorkload decides Available: the Deployment says whether, and what
// stands in the way of its pods says why not.
func (r *Reconciler) observeWorkload(ctx context.Context, s *scope) error {
	var d appsv1.Deployment
	if err := r.own(ctx, s.server, &d); err != nil {
		return fmt.Errorf("reading Deployment: %w", err)
	}
	obstacle, err := r.observeRollout(ctx, s, &d)
	if err != nil {
		return err
	}
	for _, kind := range []string{kindServiceAccount, kindConfigMap, kindService, kindNetworkPolicy, kindDeployment, kindBudget, kindAutoscaler} {
		if c := s.trouble(kind); c != nil {
			s.no(v1alpha1.ConditionAvailable, c.reason, c.message)
			return nil
		}
	}
	if d.UID == "" {
		s.no(v1alpha1.ConditionAvailable, v1alpha1.ReasonNotDeployed, "there is no Deployment: no spec has been accepted")
		return nil
	}
	judge(s, &d, obstacle)
	return r.observeAutoscaler(ctx, s)
}

// observeRollout notes how far the pods are in being those that the Deployment, if there
// is one, asks for, and returns what holds them up. Enforced goes by the first, whatever
// becomes of Available.
func (r *Reconciler) observeRollout(ctx context.Context, s *scope, d *appsv1.Deployment) (obstacle *cause, err error) {
	if d.UID == "" {
		return nil, nil
	}
	s.desiredReplicas, s.outdated = *d.Spec.Replicas, outdated(d)
	obstacle, err = r.obstacle(ctx, s, d)
	if s.rollout = rollout(d, obstacle); s.rollout == nil {
		s.rollout = s.lastOfRollout()
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what holds pods up: %w", err)
	}
	return obstacle, nil
}

// judge sets Available from what the Deployment says; obstacle, if any, is why
// not all is well. A status that is about an older spec of the Deployment says
// nothing: that spec may have asked for other pods, or for none.
func judge(s *scope, d *appsv1.Deployment, obstacle *cause) {
	wanted := *d.Spec.Replicas
	available := !outdated(d) && enough(d.Status.AvailableReplicas, wanted)
	count := fmt.Sprintf("%d of %d replicas are available", min(d.Status.AvailableReplicas, wanted), wanted)
	switch {
	case wanted == 0:
		s.no(v1alpha1.ConditionAvailable, v1alpha1.ReasonScaledToZero, zero(s.judged()))
	case available && obstacle == nil:
		s.yes(v1alpha1.ConditionAvailable, v1alpha1.ReasonAvailable, count)
	case available:
		s.yes(v1alpha1.ConditionAvailable, v1alpha1.ReasonAvailable, count+"; another pod is held up: "+obstacle.message)
	case obstacle != nil:
		s.no(v1alpha1.ConditionAvailable, obstacle.reason, obstacle.message)
	case outdated(d) && d.Status.ObservedGeneration > 0:
		s.expect(v1alpha1.ConditionAvailable, propagationPatience)
		s.unknown(v1alpha1.ConditionAvailable, v1alpha1.ReasonProgressing, notObserved)
	default:
		s.no(v1alpha1.ConditionAvailable, v1alpha1.ReasonProgressing, "waiting for the replicas to become ready")
	}
}

const notObserved = "the status of the Deployment is not yet about its newest spec"

// outdated tells whether the status of d is about an older spec.
func outdated(d *appsv1.Deployment) bool { return d.Status.ObservedGeneration < d.Generation }

// enough tells whether so many replicas are available. One may be missing: a node
// is drained, a pod is added. The Deployment's own condition allows none, because
// its rolling update does not.
func enough(available, wanted int32) bool { return available >= max(1, wanted-1) }

func zero(server *v1alpha1.SecuredMCPServer) string {
	if server.Spec.Workload.Autoscaling == nil {
		return "spec.workload.replicas is 0: nothing is served"
	}
	return "the Deployment is scaled to 0, which also stops the autoscaler: nothing is served until somebody scales it up; kubectl scale deployment/" + server.Name
}
