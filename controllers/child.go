package controllers

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
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

// noVersion is a resource version that no object has: etcd counts from 1, and what
// is written first is 2. An apply that carries it makes a new object, or fails with
// a conflict if there is one of the name, whoever it belongs to.
const noVersion = "1"

// child is one object of a server: as it is, and as it should be.
type child struct {
	kind string
	// live is the object as it is; without a UID it does not exist.
	live client.Object
	// wanted is false for what should not exist.
	wanted bool
	// fields are what is wanted, without what nobody can own.
	fields func() any
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

// current tells whether the live object has all that we want and nothing that we
// wanted before and want no more.
func (c *child) current() (bool, error) {
	live, err := appliedOf(c.live)
	if err != nil {
		return false, err
	}
	return live.is(c.fields())
}

// newChild pairs a desired configuration, the zero value if the object is not
// wanted, with an empty object to read the live one into.
func newChild[A applyConfiguration[A]](kind string, live client.Object, want A) child {
	var none A
	return child{
		kind:   kind,
		live:   live,
		wanted: want != none,
		fields: func() any { return want },
		// The UID makes the API server refuse to touch another object of this
		// name, and to create one where we believe to change one; and noVersion to
		// change one where we believe to create one.
		configuration: func() runtime.ApplyConfiguration {
			uid := live.GetUID()
			if uid == "" {
				return want.WithResourceVersion(noVersion)
			}
			want.WithUID(uid)
			if fenced[kind] {
				want.WithResourceVersion(live.GetResourceVersion())
			}
			return want
		},
	}
}

// findChildren returns the children of server, which is that of s with the spec to go
// by, in the order in which they are applied, each with the live object if there is one.
func (r *Reconciler) findChildren(ctx context.Context, s *scope, server *v1alpha1.SecuredMCPServer, config []byte) ([]child, error) {
	deployment, wanted := &appsv1.Deployment{}, desired.Deployment(server, r.platform)
	service, policy, ingress := desired.Service(server), desired.NetworkPolicy(server, r.platform), desired.Ingress(server)
	routes, err := r.routes(ctx, server)
	if err != nil {
		return nil, err
	}
	key := client.ObjectKeyFromObject(server)
	change := changeoverOf(s.pods, server.Spec.Exposure.TLS != nil, routes, r.ready.of(key))
	s.change = change
	s.lookAgain(change)
	if change.underWay {
		desired.OpenBoth(service, policy, wanted)
	} else {
		r.ready.end(key)
	}
	if change.routesStay() && ingress != nil {
		desired.LeadIngress(ingress, change.tls)
	}
	children := []child{
		newChild(kindConfigMap, &corev1.ConfigMap{}, desired.ConfigMap(server, config)),
		newChild(kindServiceAccount, &corev1.ServiceAccount{}, desired.ServiceAccount(server)),
		newChild(kindService, &corev1.Service{}, service),
		// Before the pods, so that none is ever reached without it.
		newChild(kindNetworkPolicy, &networkingv1.NetworkPolicy{}, policy),
		newChild(kindDeployment, deployment, wanted),
		newChild(kindBudget, &policyv1.PodDisruptionBudget{}, desired.PodDisruptionBudget(server)),
		newChild(kindAutoscaler, &autoscalingv2.HorizontalPodAutoscaler{}, desired.HorizontalPodAutoscaler(server)),
		newChild(kindIngress, &networkingv1.Ingress{}, ingress),
	}
	children = append(children, r.optionalChildren(server, change)...)
	if change.underWay {
		deploymentLast(children)
	}
	for i := range children {
		if err := r.find(ctx, s, &children[i]); err != nil {
			return nil, fmt.Errorf("reading %s: %w", children[i].kind, err)
		}
	}
	if !s.hidden {
		r.wary.Delete(client.ObjectKeyFromObject(server))
	}
	r.keepSecret(s, children, ingress)
	return children, leaveReplicas(server, deployment, wanted)
}

// deploymentLast has routes leave pods before the Deployment deletes them, which after
// a change of mind it does at once: those that are to stay have been ready for long.
func deploymentLast(children []child) {
	i := slices.IndexFunc(children, func(c child) bool { return c.kind == kindDeployment })
	d := children[i]
	copy(children[i:], children[i+1:])
	children[len(children)-1] = d
}

// leaveReplicas leaves the replicas of a Deployment that exists to the
// autoscaler, if there is one.
func leaveReplicas(server *v1alpha1.SecuredMCPServer, live *appsv1.Deployment, wanted *appsv1ac.DeploymentApplyConfiguration) error {
	if server.Spec.Workload.Autoscaling == nil || live.UID == "" {
		return nil
	}
	applied, err := appliedOf(live)
	if err != nil {
		return err
	}
	desired.KeepReplicas(wanted, applied.Replicas)
	return nil
}

// find reads the live object. The cache holds only objects with our label. What it
// does not have is taken to be absent, which is what the request says that makes it;
// a wary pass asks the API server first.
func (r *Reconciler) find(ctx context.Context, s *scope, c *child) error {
	if c.missing != "" {
		return nil
	}
	key := client.ObjectKeyFromObject(s.server)
	err := r.client.Get(ctx, key, c.live)
	if apierrors.IsNotFound(err) && c.wanted && s.wary {
		err = r.live.Get(ctx, key, c.live)
		s.hidden = s.hidden || c.exists()
	}
	return client.IgnoreNotFound(err)
}
