package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingv2ac "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// The kinds of children, as people and conditions call them.
const (
	kindServiceAccount = "ServiceAccount"
	kindConfigMap      = "ConfigMap"
	kindService        = "Service"
	kindDeployment     = "Deployment"
	kindIngress        = "Ingress"
	kindNetworkPolicy  = "NetworkPolicy"
	kindBudget         = "PodDisruptionBudget"
	kindAutoscaler     = "HorizontalPodAutoscaler"
	kindCertificate    = "Certificate"
)

// fenced are the kinds that are applied only to the version that was read. An
// operator that lost the lease in the middle of a pass, and does not know, must
// not bring back the policy of before. Others write to the other kinds now and
// then, and what an old operator does to those the new one undoes.
var fenced = map[string]bool{kindConfigMap: true}

// child is one object of a server: as it is, and as it should be.
type child struct {
	kind string
	// live is the object as it is; without a UID it does not exist.
	live client.Object
	// wanted is false for what should not exist.
	wanted bool
	// current tells whether live has all that we want and nothing that we
	// wanted before and want no more.
	current func() (bool, error)
	// encoded is what is wanted.
	encoded func() ([]byte, error)
	// configuration is what to apply.
	configuration func() runtime.ApplyConfiguration
	// missing is why there cannot be an object of an optional kind, "" if there
	// can.
	missing string
}

// applyConfiguration is what the typed apply configurations have in common.
type applyConfiguration[A any] interface {
	comparable
	runtime.ApplyConfiguration
	WithUID(types.UID) A
	WithResourceVersion(string) A
}

func (c *child) exists() bool { return c.live.GetUID() != "" }

// newChild pairs a desired configuration, the zero value if the object is not
// wanted, with an empty object to read the live one into and the function that
// extracts from it what FieldOwner applied.
func newChild[O client.Object, A applyConfiguration[A]](kind string, live O, want A, extract func(O, string) (A, error)) child {
	var none A
	return child{
		kind:   kind,
		live:   live,
		wanted: want != none,
		current: func() (bool, error) {
			applied, err := extract(live, FieldOwner)
			if err != nil {
				return false, err
			}
			return sameJSON(applied, want)
		},
		encoded: func() ([]byte, error) { return json.Marshal(want) },
		// The UID makes the API server refuse to touch another object of this
		// name, and to create one where we believe to change one.
		configuration: func() runtime.ApplyConfiguration {
			if uid := live.GetUID(); uid != "" {
				want.WithUID(uid)
				if fenced[kind] {
					want.WithResourceVersion(live.GetResourceVersion())
				}
			}
			return want
		},
	}
}

// findChildren returns the children of server in the order in which they are
// applied, each with the live object if there is one.
func (r *Reconciler) findChildren(ctx context.Context, server *v1alpha1.SecuredMCPServer, config []byte) ([]child, error) {
	deployment, wanted := &appsv1.Deployment{}, desired.Deployment(server, r.platform)
	children := []child{
		newChild(kindServiceAccount, &corev1.ServiceAccount{}, desired.ServiceAccount(server), corev1ac.ExtractServiceAccount),
		newChild(kindConfigMap, &corev1.ConfigMap{}, desired.ConfigMap(server, config), corev1ac.ExtractConfigMap),
		newChild(kindService, &corev1.Service{}, desired.Service(server), corev1ac.ExtractService),
		// Before the pods, so that none is ever reached without it.
		newChild(kindNetworkPolicy, &networkingv1.NetworkPolicy{}, desired.NetworkPolicy(server, r.platform), networkingv1ac.ExtractNetworkPolicy),
		newChild(kindDeployment, deployment, wanted, appsv1ac.ExtractDeployment),
		newChild(kindBudget, &policyv1.PodDisruptionBudget{}, desired.PodDisruptionBudget(server), policyv1ac.ExtractPodDisruptionBudget),
		newChild(kindAutoscaler, &autoscalingv2.HorizontalPodAutoscaler{}, desired.HorizontalPodAutoscaler(server), autoscalingv2ac.ExtractHorizontalPodAutoscaler),
		newChild(kindIngress, &networkingv1.Ingress{}, desired.Ingress(server), networkingv1ac.ExtractIngress),
	}
	children = append(children, r.optionalChildren(server)...)
	for i := range children {
		if err := r.find(ctx, client.ObjectKeyFromObject(server), &children[i]); err != nil {
			return nil, fmt.Errorf("reading %s: %w", children[i].kind, err)
		}
	}
	return children, leaveReplicas(server, deployment, wanted)
}

// leaveReplicas leaves the replicas of a Deployment that exists to the
// autoscaler, if there is one.
func leaveReplicas(server *v1alpha1.SecuredMCPServer, live *appsv1.Deployment, wanted *appsv1ac.DeploymentApplyConfiguration) error {
	if server.Spec.Workload.Autoscaling == nil || live.UID == "" {
		return nil
	}
	applied, err := appsv1ac.ExtractDeployment(live, FieldOwner)
	if err != nil {
		return err
	}
	desired.KeepReplicas(wanted, applied)
	return nil
}

// find reads the live object. The cache holds only objects with our label, so
// before we create one the API server is asked whether a stranger has the name.
func (r *Reconciler) find(ctx context.Context, key client.ObjectKey, c *child) error {
	if c.missing != "" {
		return nil
	}
	err := r.client.Get(ctx, key, c.live)
	if apierrors.IsNotFound(err) && c.wanted {
		err = r.live.Get(ctx, key, c.live)
	}
	return client.IgnoreNotFound(err)
}

// sameJSON compares what would go over the wire.
func sameJSON(a, b any) (bool, error) {
	left, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	right, err := json.Marshal(b)
	return bytes.Equal(left, right), err
}
