package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// maxNamedPods bounds how many pods a message names.
const maxNamedPods = 5

// confirm decides Enforced by what the pods say of themselves. Every pod counts
// that takes requests, whichever ReplicaSet it is of; and while some are of an older
// template, what the spec asks for is not what is enforced.
func (r *Reconciler) confirm(_ context.Context, s *scope) error {
	pods := slices.DeleteFunc(slices.Clone(s.pods), func(p corev1.Pod) bool { return !takesRequests(&p) })
	var doubts []cause
	for i := range pods {
		if d := r.doubt(s, &pods[i]); d != nil {
			doubts = append(doubts, *d)
		}
	}
	ready, enforcing := int32(len(pods)), int32(len(pods)-len(doubts)) //nolint:gosec // there are far fewer pods
	s.status.Replicas = &v1alpha1.ReplicaCounts{Desired: s.desiredReplicas, Ready: ready, Enforcing: enforcing}
	s.status.Enforced = fmt.Sprintf("%d/%d", enforcing, ready)
	r.judgeEnforced(s, ready, enforcing, doubts)
	return nil
}

// doubt returns why p is not known to enforce what is served, or nil if it is.
func (r *Reconciler) doubt(s *scope, p *corev1.Pod) *cause {
	what, fresh, known := r.asker.answers.of(p)
	switch {
	case !known:
		return &cause{v1alpha1.ReasonNotAsked, fmt.Sprintf("pod %s has not been asked yet", p.Name)}
	case !fresh:
		return &cause{v1alpha1.ReasonPropagating, fmt.Sprintf("pod %s has not been asked since it was given that%s", p.Name, s.circumstances(p))}
	case what.unreachable != "":
		return &cause{v1alpha1.ReasonPodUnreachable, fmt.Sprintf("pod %s cannot be asked at %s: %s", p.Name, adminAddress(p), what.unreachable)}
	case what.Refusal != "":
		return &cause{v1alpha1.ReasonConfigRefused, fmt.Sprintf("pod %s refuses what it is given: %s", p.Name, what.Refusal)}
	case what.Revision != s.status.Revision:
		return &cause{v1alpha1.ReasonPropagating, fmt.Sprintf("pod %s enforces revision %s%s", p.Name, cmp.Or(what.Revision, "none"), s.circumstances(p))}
	}
	return nil
}

// circumstances say what else a person should know of a pod that is late.
func (s *scope) circumstances(p *corev1.Pod) string {
	switch err := s.untold[p.UID]; {
	case !p.DeletionTimestamp.IsZero():
		return ", until it ends: it is being deleted"
	case err != nil:
		return ", and telling it of another fails: " + err.Error()
	}
	return ""
}

func (r *Reconciler) judgeEnforced(s *scope, ready, enforcing int32, doubts []cause) {
	count := fmt.Sprintf("%d of %d serving replicas enforce revision %s", enforcing, ready, s.status.Revision)
	foreign, config := s.foreignPod(), s.trouble(kindConfigMap)
	switch {
	case s.status.Revision == "":
		s.no(v1alpha1.ConditionEnforced, v1alpha1.ReasonNotDeployed, "there is no configuration to enforce")
	case config != nil:
		s.no(v1alpha1.ConditionEnforced, config.reason, "the pods are not given what the spec asks for: "+config.message)
	case foreign != nil:
		s.no(v1alpha1.ConditionEnforced, v1alpha1.ReasonForeignPod, fmt.Sprintf(
			"pod %s has the labels of this server's pods and is not of its Deployment: it gets requests, and nobody knows what it enforces", foreign.Name))
	case ready == 0:
		s.unknown(v1alpha1.ConditionEnforced, v1alpha1.ReasonNoReadyReplicas, "no replica is ready: there is nobody to ask")
	case len(doubts) == 0 && s.outdated:
		s.unknown(v1alpha1.ConditionEnforced, v1alpha1.ReasonRollingOut, notObserved)
		s.expect(v1alpha1.ConditionEnforced, propagationPatience)
	case len(doubts) == 0 && s.rollout != nil:
		s.no(v1alpha1.ConditionEnforced, s.rollout.reason, s.rollout.message)
	case len(doubts) == 0:
		s.yes(v1alpha1.ConditionEnforced, v1alpha1.ReasonEnforced, count)
	default:
		r.judgeDoubts(s, count, doubts)
	}
}

// foreignPod returns a pod that gets this server's requests and is none of its
// own, or nil. What it says of itself is worth nothing.
func (s *scope) foreignPod() *corev1.Pod {
	i := slices.IndexFunc(s.foreignPods, func(p corev1.Pod) bool { return takesRequests(&p) })
	if i < 0 {
		return nil
	}
	return &s.foreignPods[i]
}

// judgeDoubts has the status wait if time alone is likely to settle them.
func (r *Reconciler) judgeDoubts(s *scope, count string, doubts []cause) {
	worst := slices.MinFunc(doubts, func(a, b cause) int {
		return cmp.Compare(slices.Index(doubtOrder, a.reason), slices.Index(doubtOrder, b.reason))
	})
	message := count + ": " + sentences(doubts)
	switch worst.reason {
	case v1alpha1.ReasonNotAsked:
		s.unknown(v1alpha1.ConditionEnforced, worst.reason, message)
		s.expect(v1alpha1.ConditionEnforced, r.questionPatience())
	case v1alpha1.ReasonPropagating:
		s.no(v1alpha1.ConditionEnforced, worst.reason, message)
		s.expect(v1alpha1.ConditionEnforced, propagationPatience)
	default:
		s.no(v1alpha1.ConditionEnforced, worst.reason, message)
	}
}

// doubtOrder puts first what a person has to see to first.
var doubtOrder = []string{
	v1alpha1.ReasonConfigRefused, v1alpha1.ReasonPodUnreachable, v1alpha1.ReasonPropagating, v1alpha1.ReasonNotAsked,
}

// sentences names the first pods, and the number of the others.
func sentences(doubts []cause) string {
	var all []string
	for _, d := range doubts[:min(len(doubts), maxNamedPods)] {
		all = append(all, d.message)
	}
	if more := len(doubts) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}
