package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// kept is what was accepted last of a server whose newest spec is not.
type kept struct {
	uid types.UID
	desired.Accepted
}

// recall returns what was accepted last of server, as far as anybody knows it. It is with
// the children, unless somebody has just deleted or edited those that have it, and from
// the first pass that asks here, where nobody edits it.
func (r *Reconciler) recall(ctx context.Context, server *v1alpha1.SecuredMCPServer) (desired.Accepted, error) {
	if known, ok := r.kept.Load(client.ObjectKeyFromObject(server)); ok && known.(kept).uid == server.UID {
		return known.(kept).Accepted, nil
	}
	return r.acceptedOf(ctx, server)
}

func (r *Reconciler) keep(server *v1alpha1.SecuredMCPServer) {
	r.kept.Store(client.ObjectKeyFromObject(server), kept{server.UID, desired.AcceptedOf(server)})
}

// acceptedOf returns what the children of server have of the spec that they were made
// of, "" for what they lack. What somebody has edited is not the operator's any more.
func (r *Reconciler) acceptedOf(ctx context.Context, server *v1alpha1.SecuredMCPServer) (accepted desired.Accepted, err error) {
	for _, o := range []client.Object{new(corev1.ConfigMap), new(corev1.ServiceAccount)} {
		// The cache holds neither.
		if err := r.live.Get(ctx, client.ObjectKeyFromObject(server), o); client.IgnoreNotFound(err) != nil {
			return accepted, err
		}
		if !metav1.IsControlledBy(o, server) {
			continue
		}
		fields, err := extractFields(o)
		if err != nil {
			return accepted, err
		}
		switch fields := fields.(type) {
		case *corev1ac.ConfigMapApplyConfiguration:
			accepted.Policy = fields.Data[desired.AcceptedKey]
		case *corev1ac.ServiceAccountApplyConfiguration:
			accepted.Workload = workloadOf(fields)
		}
	}
	return accepted, nil
}

func workloadOf(fields *corev1ac.ServiceAccountApplyConfiguration) string {
	if fields.ObjectMetaApplyConfiguration == nil {
		return ""
	}
	return fields.Annotations[desired.AnnotationAccepted]
}
