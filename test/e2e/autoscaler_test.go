//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// autoscaled leaves the replicas to an autoscaler with these bounds.
func autoscaled(least, most int32) func(*v1alpha1.SecuredMCPServerSpec) {
	return func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.Workload.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: least, MaxReplicas: most}
	}
}

// The cluster has no metrics. Kubernetes brings what is scaled within the bounds of
// its autoscaler all the same.
func TestTheAutoscalerOfTheClusterHasTheReplicas(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	known, unknown := s.ask(s.token(readScope), 1), s.ask("", 1)

	s.apply(autoscaled(1, 1))
	s.waitScaled(1) // of the 2 before
	s.apply(autoscaled(3, 4))
	s.waitScaled(3)
	t.Run("it says so, and that it has nothing to go by", func(t *testing.T) {
		s := s.at(t)
		s.waitFor("to tell that the autoscaler has no metrics", func(got *v1alpha1.SecuredMCPServer) bool {
			return strings.Contains(messageOf(got, v1alpha1.ConditionAvailable), "the autoscaler does nothing (FailedGetResourceMetric)")
		})
		s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	})
	t.Run("a change of the Deployment leaves them to it", func(t *testing.T) {
		s := s.at(t)
		s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
			spec.Workload.PodAnnotations = map[string]string{"example.com/pass": "1"}
		})
		s.wait("the operator to have written the Deployment", func(context.Context) (bool, string, error) {
			return s.deployment().Spec.Template.Annotations["example.com/pass"] == "1", "", nil
		})
		s.wantScaled(3)
		s.wait("the new pods to be there", func(ctx context.Context) (bool, string, error) { return env.cluster.RolledOut(ctx, s.key) })
		s.wantScaled(3)
	})
	t.Run("an autoscaler that was edited by hand", func(t *testing.T) {
		s := s.at(t)
		a := s.autoscaler()
		before := a.DeepCopy()
		a.Spec.MaxReplicas = 40
		if err := env.cluster.Patch(t.Context(), a, ctrlclient.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
		s.waitChild("HorizontalPodAutoscaler", emptyAutoscaler, func(o ctrlclient.Object) bool {
			return o.(*autoscalingv2.HorizontalPodAutoscaler).Spec.MaxReplicas == 4
		})
	})
	t.Run("an autoscaler that was deleted", func(t *testing.T) {
		s := s.at(t)
		a := s.autoscaler()
		if err := env.cluster.Delete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		s.waitChild("HorizontalPodAutoscaler", emptyAutoscaler, func(o ctrlclient.Object) bool { return o.GetUID() != a.UID })
		s.wantScaled(3)
	})
	t.Run("without it the spec decides again", func(t *testing.T) {
		s := s.at(t)
		s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Workload.Autoscaling = nil })
		s.waitGone(&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: objectMeta(s.namespace, serverName)})
		s.waitChild("Deployment", kinds(s)["Deployment"].empty, kinds(s)["Deployment"].good) // 2, the default
		s.checkEnforced()
	})
	s.checkNothingLost(known, unknown)
}

func emptyAutoscaler() ctrlclient.Object { return new(autoscalingv2.HorizontalPodAutoscaler) }

func (s *server) autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	s.t.Helper()
	a := new(autoscalingv2.HorizontalPodAutoscaler)
	if err := env.cluster.Get(s.t.Context(), s.key, a); err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *server) deployment() *appsv1.Deployment {
	s.t.Helper()
	d := new(appsv1.Deployment)
	if err := env.cluster.Get(s.t.Context(), s.key, d); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// waitScaled waits until there are so many replicas, by the autoscaler's word, and
// as many pods as that enforce the configuration.
func (s *server) waitScaled(replicas int32) {
	s.t.Helper()
	s.wait(fmt.Sprintf("the autoscaler to want %d replicas", replicas), func(ctx context.Context) (bool, string, error) {
		var a autoscalingv2.HorizontalPodAutoscaler
		if err := env.cluster.Get(ctx, s.key, &a); err != nil {
			return false, "there is none", ctrlclient.IgnoreNotFound(err)
		}
		return a.Status.LastScaleTime != nil && a.Status.DesiredReplicas == replicas, fmt.Sprintf("it says %+v", a.Status), nil
	})
	s.wantScaled(replicas)
	want := v1alpha1.ReplicaCounts{Desired: replicas, Ready: replicas, Enforcing: replicas}
	s.waitFor(fmt.Sprintf("to count %d replicas", replicas), func(got *v1alpha1.SecuredMCPServer) bool {
		return got.Status.Replicas != nil && *got.Status.Replicas == want
	})
}

// wantScaled checks that there are so many replicas, and that it was the
// controller manager who said so: nobody else owns the field.
func (s *server) wantScaled(replicas int32) {
	s.t.Helper()
	d := s.deployment()
	if got := *d.Spec.Replicas; got != replicas {
		s.t.Errorf("%d replicas, want the %d of the autoscaler", got, replicas)
	}
	if owners := ownersOfReplicas(d); !slices.Equal(owners, []string{"kube-controller-manager"}) {
		s.t.Errorf("%q say how many replicas there are, want the autoscaler alone", owners)
	}
}

// ownersOfReplicas are the field managers of spec.replicas.
func ownersOfReplicas(d *appsv1.Deployment) []string {
	var owners []string
	for _, entry := range d.ManagedFields {
		if entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:replicas":{}`) && entry.Subresource != "status" {
			owners = append(owners, entry.Manager)
		}
	}
	slices.Sort(owners)
	return owners
}

// messageOf is the message of a condition, "" if there is none.
func messageOf(s *v1alpha1.SecuredMCPServer, kind string) string {
	i := slices.IndexFunc(s.Status.Conditions, func(c metav1.Condition) bool { return c.Type == kind })
	if i < 0 {
		return ""
	}
	return s.Status.Conditions[i].Message
}
