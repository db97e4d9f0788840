package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// mountPeriod is how often to look whether a kubelet has said why it does not
// mount a volume: events wake nobody.
const mountPeriod = 10 * time.Second

// askedPods is how many pods' events are read: what one misses, all miss.
const askedPods = 3

// missingReference looks for what pods mount and wait for, by the spec that they serve. It asks
// for ConfigMaps itself; the operator has no right to read Secrets, and what
// the kubelets say of them is in events.
func (r *Reconciler) missingReference(ctx context.Context, s *scope, starting []corev1.Pod) (*cause, error) {
	if s.serving == nil {
		return nil, nil
	}
	references := render.References(&s.serving.Spec)
	if len(references) == 0 {
		return nil, nil
	}
	s.soonest(mountPeriod) // nothing wakes anybody when what is missing comes
	secrets := false
	for _, ref := range references {
		if ref.Kind == render.KindSecret {
			secrets = true
			continue
		}
		if missing, err := r.missingConfigMap(ctx, s.server.Namespace, ref); missing != nil || err != nil {
			return missing, err
		}
	}
	if !secrets {
		return nil, nil
	}
	return r.unmountedSecret(ctx, s.serving, starting)
}

func (r *Reconciler) missingConfigMap(ctx context.Context, namespace string, ref render.Reference) (*cause, error) {
	var cm corev1.ConfigMap
	err := r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, &cm)
	if apierrors.IsNotFound(err) {
		return &cause{v1alpha1.ReasonCABundleMissing, fmt.Sprintf("the pods wait for ConfigMap %s, which %s names and which does not exist", ref.Name, ref.Field)}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, key := range ref.Keys {
		_, text := cm.Data[key]
		_, binary := cm.BinaryData[key]
		if !text && !binary {
			return &cause{v1alpha1.ReasonCABundleMissing, fmt.Sprintf("the pods wait for key %s of ConfigMap %s, which %s names and which does not exist", key, ref.Name, ref.Field)}, nil
		}
	}
	return nil, nil
}

// unmountedSecret returns what a kubelet says of a Secret that it cannot mount.
func (r *Reconciler) unmountedSecret(ctx context.Context, server *v1alpha1.SecuredMCPServer, starting []corev1.Pod) (*cause, error) {
	complaints, err := r.mountComplaints(ctx, starting)
	if err != nil {
		return nil, err
	}
	for _, ref := range render.References(&server.Spec) {
		if complaint, ok := complaints[ref.Volume]; ok && ref.Kind == render.KindSecret {
			return &cause{v1alpha1.ReasonSecretMissing, fmt.Sprintf("the pods wait for Secret %s, which %s names: %s", ref.Name, ref.Field, complaint)}, nil
		}
	}
	return nil, nil
}

// mountComplaints returns, by volume, what kubelets say of it.
func (r *Reconciler) mountComplaints(ctx context.Context, pods []corev1.Pod) (map[string]string, error) {
	complaints := map[string]string{}
	for i := range pods[:min(len(pods), askedPods)] {
		var events corev1.EventList
		err := r.live.List(ctx, &events, client.InNamespace(pods[i].Namespace), client.MatchingFieldsSelector{
			Selector: fields.Set{"involvedObject.uid": string(pods[i].UID), "reason": "FailedMount"}.AsSelector(),
		})
		if err != nil {
			return nil, fmt.Errorf("reading what kubelets say of %s: %w", pods[i].Name, err)
		}
		slices.SortFunc(events.Items, func(a, b corev1.Event) int { return a.LastTimestamp.Compare(b.LastTimestamp.Time) })
		for _, e := range events.Items {
			if volume, complaint, ok := mountComplaint(e.Message); ok {
				complaints[volume] = complaint
			}
		}
	}
	return complaints, nil
}

// mountComplaint takes `MountVolume.SetUp failed for volume "tls" : secret "x"
// not found` apart.
func mountComplaint(message string) (volume, complaint string, ok bool) {
	rest, ok := strings.CutPrefix(message, `MountVolume.SetUp failed for volume "`)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, `" : `)
}
