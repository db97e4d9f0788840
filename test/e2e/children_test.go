//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/measure"
)

// kinds are the children of a server: how to edit each by hand, and how to tell
// that nobody did. Each has the server's name.
func kinds(s *server) map[string]struct {
	empty func() ctrlclient.Object
	edit  func(ctrlclient.Object)
	good  func(ctrlclient.Object) bool
} {
	return map[string]struct {
		empty func() ctrlclient.Object
		edit  func(ctrlclient.Object)
		good  func(ctrlclient.Object) bool
	}{
		"Deployment": {
			func() ctrlclient.Object { return new(appsv1.Deployment) },
			func(o ctrlclient.Object) { *o.(*appsv1.Deployment).Spec.Replicas = 0 },
			func(o ctrlclient.Object) bool { return *o.(*appsv1.Deployment).Spec.Replicas == 2 },
		},
		"Service": {
			func() ctrlclient.Object { return new(corev1.Service) },
			func(o ctrlclient.Object) { o.(*corev1.Service).Spec.Ports[0].Port = 8443 },
			func(o ctrlclient.Object) bool {
				return len(o.(*corev1.Service).Spec.Ports) == 1 && o.(*corev1.Service).Spec.Ports[0].Port == 80
			},
		},
		"ConfigMap": {
			func() ctrlclient.Object { return new(corev1.ConfigMap) },
			func(o ctrlclient.Object) { o.(*corev1.ConfigMap).Data["config.json"] = "{}" },
			func(o ctrlclient.Object) bool { return len(o.(*corev1.ConfigMap).Data["config.json"]) > len("{}") },
		},
		"Ingress": {
			func() ctrlclient.Object { return new(networkingv1.Ingress) },
			func(o ctrlclient.Object) { o.(*networkingv1.Ingress).Spec.Rules[0].Host = "other." + domain },
			func(o ctrlclient.Object) bool {
				rules := o.(*networkingv1.Ingress).Spec.Rules
				return len(rules) == 1 && rules[0].Host == s.host
			},
		},
		"NetworkPolicy": {
			func() ctrlclient.Object { return new(networkingv1.NetworkPolicy) },
			func(o ctrlclient.Object) {
				o.(*networkingv1.NetworkPolicy).Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			},
			func(o ctrlclient.Object) bool { return len(o.(*networkingv1.NetworkPolicy).Spec.Ingress) == 2 },
		},
		"PodDisruptionBudget": {
			func() ctrlclient.Object { return new(policyv1.PodDisruptionBudget) },
			func(o ctrlclient.Object) {
				o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = new(intstr.FromInt32(0))
			},
			func(o ctrlclient.Object) bool {
				return o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable.IntValue() == 1
			},
		},
		"ServiceAccount": {
			func() ctrlclient.Object { return new(corev1.ServiceAccount) },
			func(o ctrlclient.Object) { o.SetOwnerReferences(nil) },
			func(o ctrlclient.Object) bool { return len(o.GetOwnerReferences()) == 1 },
		},
	}
}

func TestChildrenAreHealed(t *testing.T) {
	t.Parallel()
	newServer(t).start().childrenAreHealed()
}

// What was accepted last is healed as well.
func TestChildrenAreHealedWhileTheNewestSpecIsNotAccepted(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	token := s.token(readScope)
	revision := s.waitFor("to be Ready", func(got *v1alpha1.SecuredMCPServer) bool { return cluster.IsTrue(got, v1alpha1.ConditionReady) }).Status.Revision
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.RequiredScopes = []string{writeScope}
		spec.Exposure = v1alpha1.Exposure{}
		spec.Scopes[0].Implies = []string{writeScope} // a cycle
	})
	s.waitCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
	s.childrenAreHealed()
	s.waitCondition(v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonExposed)
	s.waitStatus(token, lookupTool, http.StatusOK)
	if got, err := env.cluster.Server(t.Context(), s.key); err != nil || got.Status.Revision != revision {
		t.Errorf("revision %s (%v), want %s to go on", got.Status.Revision, err, revision)
	}
}

// childrenAreHealed edits and deletes one child of s after the other.
func (s *server) childrenAreHealed() {
	t := s.t
	t.Helper()
	for kind, k := range kinds(s) {
		t.Run(kind+" that was edited by hand", func(t *testing.T) {
			object := k.empty()
			if err := env.cluster.Get(t.Context(), s.key, object); err != nil {
				t.Fatal(err)
			}
			if !k.good(object) {
				t.Fatal("it is not good before the edit")
			}
			// Controllers of the cluster write to it too, so no update, which might be of
			// something older.
			before := object.DeepCopyObject().(ctrlclient.Object)
			k.edit(object)
			if err := env.cluster.Patch(t.Context(), object, ctrlclient.MergeFrom(before)); err != nil {
				t.Fatal(err)
			}
			s.at(t).waitChild(kind, k.empty, k.good)
		})
		t.Run(kind+" that was deleted", func(t *testing.T) { s.at(t).replaced(kind) })
	}
	s.wait("the Deployment to be available again", func(ctx context.Context) (bool, string, error) {
		return env.cluster.RolledOut(ctx, s.key)
	})
}

func (s *server) waitChild(kind string, empty func() ctrlclient.Object, good func(ctrlclient.Object) bool) {
	s.t.Helper()
	s.wait(kind+" to be as it should", func(ctx context.Context) (bool, string, error) {
		object := empty()
		if err := env.cluster.Get(ctx, s.key, object); err != nil {
			return false, "it does not exist", ctrlclient.IgnoreNotFound(err)
		}
		return good(object), fmt.Sprintf("%s of UID %s is not", kind, object.GetUID()), nil
	})
}

func (s *server) waitGone(object ctrlclient.Object) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%T %s to be gone", object, object.GetName()), func(ctx context.Context) (bool, string, error) {
		err := env.cluster.Get(ctx, ctrlclient.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			return true, "", nil
		}
		return false, "it is there", err
	})
}

func TestDeletingAServerTakesItsChildrenAlong(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	var children []ctrlclient.Object
	for _, k := range kinds(s) {
		object := k.empty()
		if err := env.cluster.Get(t.Context(), s.key, object); err != nil {
			t.Fatal(err)
		}
		children = append(children, object)
	}
	if _, err := env.cluster.Kubectl(t.Context(), "-n", s.namespace, "delete", "smcp", serverName); err != nil {
		t.Fatal(err)
	}
	for _, object := range children {
		s.waitGone(object)
	}
	s.wait("the pods to be gone", func(ctx context.Context) (bool, string, error) {
		var pods corev1.PodList
		err := env.cluster.List(ctx, &pods, ctrlclient.InNamespace(s.namespace))
		return len(pods.Items) == 0, fmt.Sprintf("%d pods", len(pods.Items)), err
	})
}

// eachReplica calls f with the revision that each pod enforces.
func (s *server) eachReplica(f func(revision string)) {
	s.t.Helper()
	replicas, err := measure.Open(s.t.Context(), env.cluster, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	defer replicas.Close()
	for _, replica := range replicas {
		config, err := replica.Config(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		f(config.Revision)
	}
}
