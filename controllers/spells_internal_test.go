package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// clocks are those of others, by how far they are ahead.
var clocks = map[string]time.Duration{"as ours": 0, "ahead": time.Hour, "behind": -time.Hour}

func TestPodsAreReadySinceTheyWereSeenToBe(t *testing.T) {
	for name, ahead := range clocks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s spells
				server := client.ObjectKey{Namespace: "default", Name: "billing"}
				turn := func(p *corev1.Pod) {
					p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(time.Now().Add(ahead))}}
				}
				one, other := pod("1"), pod("2")
				want := func(p *corev1.Pod, want time.Duration) {
					t.Helper()
					if got := s.of(server)(p); got != want {
						t.Errorf("pod %s has been ready for %s, want %s", p.UID, got, want)
					}
				}
				turn(one)
				want(one, 0)
				time.Sleep(3 * time.Second)
				turn(other)
				want(one, 3*time.Second)
				want(other, 0)
				time.Sleep(2 * time.Second)
				want(one, 5*time.Second)
				want(other, 2*time.Second)
				turn(one) // it was not in between
				want(one, 0)
				want(other, 2*time.Second)
				s.end(server)
				want(other, 0)
			})
		})
	}
}

// A pod that cannot make up its mind may do so for weeks, while what replaces it waits.
func TestOneSpellOfAPodIsRemembered(t *testing.T) {
	var s spells
	server, p := client.ObjectKey{Namespace: "default", Name: "billing"}, pod("1")
	for i := range 10 {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Unix(int64(i), 0)}}
		s.of(server)(p)
	}
	if got := len(s.last[server]); got != 1 {
		t.Errorf("%d spells are remembered", got)
	}
}

func TestPodsEndSinceTheyWereSeenTo(t *testing.T) {
	const grace = 30 * time.Second
	for name, ahead := range clocks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a Asker
				p := pod("1")
				if a.isEnding(p) {
					t.Error("a pod ends that nobody has deleted")
				}
				p.DeletionTimestamp = new(metav1.NewTime(time.Now().Add(ahead + grace)))
				p.DeletionGracePeriodSeconds = new(int64(grace / time.Second))
				if !a.isEnding(p) {
					t.Error("a pod that has just been deleted does not end")
				}
				a.answers.silence(p) // it has been asked meanwhile
				time.Sleep(grace + endingSlack - time.Nanosecond)
				if !a.isEnding(p) {
					t.Error("a pod does not end any more, and has time left")
				}
				time.Sleep(time.Nanosecond)
				if a.isEnding(p) {
					t.Error("a pod ends whose time is over")
				}
			})
		})
	}
}

func pod(uid types.UID) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "billing-" + string(uid), UID: uid}}
}
