package controllers

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestOneMissingReplicaTakesNoAvailabilityAway(t *testing.T) {
	for name, test := range map[string]struct {
		available, wanted int32
		condition, says   string
	}{
		"all there":            {10, 10, "True Available", "10 of 10 replicas are available"},
		"one of ten is lost":   {9, 10, "True Available", "9 of 10 replicas are available"},
		"two of ten are lost":  {8, 10, "False Progressing", "waiting for the replicas to become ready"},
		"one of two is lost":   {1, 2, "True Available", "1 of 2 replicas are available"},
		"the only one is lost": {0, 1, "False Progressing", "waiting for the replicas to become ready"},
		"both are lost":        {0, 2, "False Progressing", "waiting for the replicas to become ready"},
		"one too many":         {3, 2, "True Available", "2 of 2 replicas are available"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScope(new(v1alpha1.SecuredMCPServer))
			judge(s, &appsv1.Deployment{
				Spec:   appsv1.DeploymentSpec{Replicas: &test.wanted},
				Status: appsv1.DeploymentStatus{AvailableReplicas: test.available},
			}, nil)
			c := meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionAvailable)
			if got := string(c.Status) + " " + c.Reason; got != test.condition || c.Message != test.says {
				t.Errorf("%s: %s; want %s: %s", got, c.Message, test.condition, test.says)
			}
		})
	}
}

func TestPodsOfAnOlderTemplateAreARolloutThatHasNotEnded(t *testing.T) {
	pull := &cause{v1alpha1.ReasonImagePullFailed, "the image x cannot be pulled"}
	status := func(updated, all int32) appsv1.DeploymentStatus {
		return appsv1.DeploymentStatus{Replicas: all, UpdatedReplicas: updated}
	}
	for name, test := range map[string]struct {
		status   appsv1.DeploymentStatus
		paused   bool
		obstacle *cause
		want     *cause
	}{
		"none runs":                    {status(0, 0), false, nil, nil},
		"all are of the newest":        {status(2, 2), false, pull, nil},
		"a paused one has nothing new": {status(2, 2), true, nil, nil},
		"none is of the newest":        {status(0, 2), false, nil, &cause{"RollingOut", "0 of 2 replicas are of the newest pod template"}},
		"the new ones are held up":     {status(1, 3), false, pull, &cause{"RollingOut", "1 of 3 replicas are of the newest pod template: the image x cannot be pulled"}},
		"somebody has paused it": {
			status(0, 2), true, nil,
			&cause{"Paused", "0 of 2 replicas are of the newest pod template and the Deployment is paused; resume it: kubectl rollout resume deployment/a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Paused: test.paused}, Status: test.status}
			d.Name = "a"
			got := rollout(d, test.obstacle)
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestScaledToZeroSaysWhoCanScaleUp(t *testing.T) {
	s := new(v1alpha1.SecuredMCPServer)
	s.Name = "a"
	if got, want := zero(s), "spec.workload.replicas is 0: nothing is served"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Spec.Workload.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 2}
	if got, want := zero(s), "the Deployment is scaled to 0, which also stops the autoscaler: nothing is served until somebody scales it up; kubectl scale deployment/a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
