package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

func TestChangeoverGoesByThePodsThatAreReady(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pod := func(tls bool, status corev1.ConditionStatus, since time.Duration) corev1.Pod {
		return speaking("", tls, status, now.Add(-since))
	}
	long := time.Hour
	plain, tls := pod(false, corev1.ConditionTrue, long), pod(true, corev1.ConditionTrue, long)
	plainDown, tlsDown, tlsFresh := pod(false, corev1.ConditionFalse, long), pod(true, corev1.ConditionFalse, long), pod(true, corev1.ConditionTrue, 2*time.Second)
	ending, over := plain, plain
	ending.DeletionTimestamp = new(metav1.NewTime(now))
	over.Status.Phase = corev1.PodFailed

	tests := map[string]struct {
		pods          []corev1.Pod
		underWay, tls bool
		again         time.Duration
	}{
		"no pods":                           {nil, false, true, 0},
		"all are new":                       {[]corev1.Pod{tls, tlsFresh, tlsDown}, false, true, 0},
		"all are of before":                 {[]corev1.Pod{plain, plain}, true, false, 0},
		"none is ready":                     {[]corev1.Pod{plainDown, tlsDown}, true, false, 0},
		"fewer are new":                     {[]corev1.Pod{plain, plain, tls}, true, false, 0},
		"as many are new":                   {[]corev1.Pod{plain, tls}, true, true, 0},
		"as many are new, one for a moment": {[]corev1.Pod{plain, tlsFresh}, true, false, 3 * time.Second},
		"enough have been for long":         {[]corev1.Pod{plain, tls, tlsFresh}, true, true, 3 * time.Second},
		"one for a moment serves alone":     {[]corev1.Pod{plainDown, tlsFresh}, true, true, 0},
		"those of before end":               {[]corev1.Pod{ending, tlsFresh}, true, true, 0},
		"those of before are over":          {[]corev1.Pod{over, tlsDown}, false, true, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := changeover{wanted: true, underWay: tc.underWay, tls: tc.tls, again: tc.again}
			if got := changeoverOf(tc.pods, true, nil, func(p *corev1.Pod) time.Duration { return now.Sub(readiness(p).LastTransitionTime.Time) }); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// Pods that are kept after a change of mind have been ready for long, and the Deployment
// deletes the others at once.
func TestRoutesLeaveThePodsThatAChangeOfMindDeletes(t *testing.T) {
	for name, tc := range map[string]struct {
		newIsReadyFor time.Duration
		led           bool
	}{
		"once routes have moved":   {settling, true},
		"before routes have moved": {time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s spells
				ready := s.of(client.ObjectKey{Namespace: "default", Name: "billing"})
				pods := []corev1.Pod{speaking("1", false, corev1.ConditionTrue, time.Now())}
				changeoverOf(pods, true, led(false), ready)
				time.Sleep(2 * time.Second)
				pods = append(pods, speaking("2", true, corev1.ConditionTrue, time.Now()))
				changeoverOf(pods, true, led(false), ready)
				time.Sleep(tc.newIsReadyFor)
				if got := changeoverOf(pods, true, led(false), ready); got.tls != tc.led {
					t.Fatalf("before the change of mind routes lead to TLS: %v", got.tls)
				}
				if got := changeoverOf(pods, false, led(tc.led), ready); got.tls {
					t.Error("after it, routes lead to the pod that is deleted")
				}
			})
		})
	}
}

func TestAnOperatorThatStartsLeavesRoutesWhereTheyLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s spells
		pods := []corev1.Pod{
			speaking("1", false, corev1.ConditionTrue, time.Now()),
			speaking("2", true, corev1.ConditionTrue, time.Now()), speaking("3", true, corev1.ConditionTrue, time.Now()),
		}
		want := changeover{wanted: true, underWay: true, tls: true}
		if got := changeoverOf(pods, true, led(true), s.of(client.ObjectKey{})); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// led is an Ingress that leads to pods that speak so.
func led(tls bool) []child {
	port := networkingv1.ServiceBackendPort{Name: "http"}
	if tls {
		port.Name = desired.PortHTTPS
	}
	path := networkingv1.HTTPIngressPath{Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Port: port}}}
	rule := networkingv1.IngressRule{IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path}}}}
	return []child{{kind: kindIngress, live: &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{rule}}}}}
}

func speaking(uid types.UID, tls bool, status corev1.ConditionStatus, since time.Time) corev1.Pod {
	p := *pod(uid)
	if tls {
		p.Spec.Containers = []corev1.Container{{Name: desired.ContainerName, Ports: []corev1.ContainerPort{{Name: desired.PortHTTPS}}}}
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(since)}}
	return p
}
