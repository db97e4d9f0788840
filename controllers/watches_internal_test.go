package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

func TestMessagesOfOthersAreBounded(t *testing.T) {
	long := ""
	for len(long) < 5000 {
		long += "ünïcödé "
	}
	if got := bounded(long); len([]rune(got)) != maxMessage {
		t.Errorf("message of %d characters, want %d", len([]rune(got)), maxMessage)
	}
	if got := eventNote(long); len(got) > 1024 || len(got) < 1000 {
		t.Errorf("note of %d bytes, want at most 1024 and not much less", len(got))
	}
	if bounded("short") != "short" || eventNote("short") != "short" {
		t.Error("a short message was changed")
	}
}

func TestPodUpdatesThatWakeTheReconciler(t *testing.T) {
	waiting := func(message string) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: message}},
		}}}}
	}
	for name, test := range map[string]struct {
		before, now *corev1.Pod
		want        bool
	}{
		"the same trouble":    {waiting("no ConfigMap a"), waiting("no ConfigMap a"), false},
		"another trouble":     {waiting("no ConfigMap a"), waiting("no ConfigMap b"), true},
		"the trouble is over": {waiting("no ConfigMap a"), new(corev1.Pod), true},
		"nothing of interest": {new(corev1.Pod), &corev1.Pod{Status: corev1.PodStatus{PodIP: "10.0.0.1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := podChangedVisibly.Update(event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.now}); got != test.want {
				t.Errorf("wakes %v, want %v", got, test.want)
			}
		})
	}
}
