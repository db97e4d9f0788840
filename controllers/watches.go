package controllers

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// AddIndexes adds the indexes that find two servers that cannot both be had, routes that
// a server left behind, and the pods of one among those of a thousand.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.SecuredMCPServer{}, claimIndex, func(o client.Object) []string {
		return claims(o.(*v1alpha1.SecuredMCPServer))
	})
	err = errors.Join(err, indexer.IndexField(ctx, &networkingv1.Ingress{}, leftBehindIndex, leftBehindRoutes))
	return errors.Join(err, indexer.IndexField(ctx, &corev1.Pod{}, serverIndex, func(o client.Object) []string {
		return []string{o.GetLabels()[desired.LabelInstance]}
	}))
}

// rivals wakes the servers with the same claims when one comes, goes, or claims
// something else.
func rivals(c client.Client) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(ctx context.Context, q queue, o client.Object) {
		server := o.(*v1alpha1.SecuredMCPServer)
		others, err := claimants(ctx, c, claims(server))
		if err != nil {
			log.FromContext(ctx).Error(err, "listing servers with the same claims")
			return
		}
		for i := range others {
			if key := client.ObjectKeyFromObject(&others[i]); key != client.ObjectKeyFromObject(server) {
				q.Add(reconcile.Request{NamespacedName: key})
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { wake(ctx, q, e.Object) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { wake(ctx, q, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, now := e.ObjectOld.(*v1alpha1.SecuredMCPServer), e.ObjectNew.(*v1alpha1.SecuredMCPServer)
			if !slices.Equal(claims(before), claims(now)) {
				wake(ctx, q, before)
				wake(ctx, q, now)
			}
		},
	}
}

// serverOfPod maps a pod to its server by label: its owner is a ReplicaSet.
func serverOfPod(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[desired.LabelInstance]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
}

// podChangedVisibly lets only those updates through that a pass could do
// something with.
var podChangedVisibly = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
		return before.Spec.NodeName != now.Spec.NodeName ||
			before.DeletionTimestamp.IsZero() != now.DeletionTimestamp.IsZero() ||
			!equality.Semantic.DeepEqual(before.Annotations, now.Annotations) ||
			before.Status.Phase != now.Status.Phase ||
			takesRequests(before) != takesRequests(now) ||
			isReady(before) != isReady(now) ||
			isOfDeployment(before) != isOfDeployment(now) ||
			!slices.Equal(podCauses(before), podCauses(now)) ||
			isStarting(before) != isStarting(now)
	},
}
