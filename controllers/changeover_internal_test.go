package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

func TestChangeoverGoesByThePodsThatAreReady(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pod := func(tls bool, status corev1.ConditionStatus, since time.Duration) corev1.Pod {
		var p corev1.Pod
		if tls {
			p.Spec.Containers = []corev1.Container{{Name: desired.ContainerName, Ports: []corev1.ContainerPort{{Name: desired.PortHTTPS}}}}
		}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(now.Add(-since))}}
		return p
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
			if got := changeoverOf(tc.pods, true, func(p *corev1.Pod) time.Duration { return now.Sub(readiness(p).LastTransitionTime.Time) }); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
