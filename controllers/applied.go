package controllers

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingv2ac "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

// applied is what the operator has applied of an object, in short: all that a pass
// needs to know of it. The fields themselves take far more room, and which of them
// are ours takes a while to find out. The zero value is nothing.
type applied struct {
	// Digest is that of the fields as they go over the wire.
	Digest []byte `json:"digest"`
	// Replicas are those of a Deployment; nil if they are somebody else's.
	Replicas *int32 `json:"replicas,omitempty"`
	// TLS tells whether the pods of a Deployment speak it.
	TLS bool `json:"tls,omitempty"`
	// ClassName and Annotations are those of an Ingress.
	ClassName   string            `json:"className,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// inShort is the type of the managed fields of an object that the cache holds: in
// place of the fields there is an applied. The API server's own are of another.
const inShort = "InShort"

// appliedOf returns what the operator has applied of o, which is as the API server
// has it, or as the cache does.
func appliedOf(o client.Object) (applied, error) {
	entry := entryOfUs(o)
	if entry == nil {
		return applied{}, nil
	}
	if entry.FieldsType != inShort {
		return shorten(o)
	}
	var a applied
	if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &a); err != nil {
		return applied{}, fmt.Errorf("reading what the cache has of %s: %w", o.GetName(), err)
	}
	return a, nil
}

// appliedAt is when the operator last changed cm by applying, by the clock of the API
// server; nil if it has not. An apply that changes nothing leaves the time as it is.
func appliedAt(cm *corev1.ConfigMap) *metav1.Time {
	if entry := entryOfUs(cm); entry != nil {
		return entry.Time
	}
	return nil
}

// entryOfUs is the entry of the managed fields of o that says what the operator has
// applied, nil if there is none.
func entryOfUs(o client.Object) *metav1.ManagedFieldsEntry {
	entries := o.GetManagedFields()
	i := slices.IndexFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return appliedByUs(e) && e.Subresource == "" })
	if i < 0 {
		return nil
	}
	return &entries[i]
}

// is tells whether all that is wanted has been applied, and nothing else.
func (a *applied) is(wanted any) (bool, error) {
	digest, err := digestOf(wanted)
	return bytes.Equal(a.Digest, digest), err
}

func shorten(o client.Object) (applied, error) {
	fields, err := extractFields(o)
	if err != nil {
		return applied{}, err
	}
	digest, err := digestOf(fields)
	a := applied{Digest: digest}
	switch fields := fields.(type) {
	case *appsv1ac.DeploymentApplyConfiguration:
		if fields.Spec != nil {
			a.Replicas = fields.Spec.Replicas
		}
		a.TLS = desired.SpeaksTLS(fields)
	case *networkingv1ac.IngressApplyConfiguration:
		a.ClassName, a.Annotations = classWanted(fields).field, fields.Annotations
	}
	return a, err
}

// extractFields returns the fields of o that the operator has applied.
func extractFields(o client.Object) (any, error) {
	switch o := o.(type) {
	case *corev1.ServiceAccount:
		return corev1ac.ExtractServiceAccount(o, FieldOwner)
	case *corev1.ConfigMap:
		return corev1ac.ExtractConfigMap(o, FieldOwner)
	case *corev1.Service:
		return corev1ac.ExtractService(o, FieldOwner)
	case *networkingv1.NetworkPolicy:
		return networkingv1ac.ExtractNetworkPolicy(o, FieldOwner)
	case *appsv1.Deployment:
		return appsv1ac.ExtractDeployment(o, FieldOwner)
	case *policyv1.PodDisruptionBudget:
		return policyv1ac.ExtractPodDisruptionBudget(o, FieldOwner)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return autoscalingv2ac.ExtractHorizontalPodAutoscaler(o, FieldOwner)
	case *networkingv1.Ingress:
		return networkingv1ac.ExtractIngress(o, FieldOwner)
	case *unstructured.Unstructured:
		return extractApplied(o)
	}
	return nil, fmt.Errorf("no child is a %T", o)
}

func digestOf(fields any) ([]byte, error) {
	encoded, err := json.Marshal(fields)
	digest := sha256.Sum256(encoded)
	return digest[:], err
}
