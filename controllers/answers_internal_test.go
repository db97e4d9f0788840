package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/controllers/internal/configz"
)

func saying(revision string) said { return said{Answer: configz.Answer{Revision: revision}} }

// Of a pod that was told of nothing, the first answer of a round decides whether it is told.
func TestTheAnswerThatDecidesIsNews(t *testing.T) {
	one := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one", UID: "1"}}
	tests := map[string]struct {
		before func(*answers)
		want   bool
	}{
		"of a pod that was asked before it was seen": {func(a *answers) {
			a.record(one, a.begin(one), saying("old"), false)
			a.note(one, "new-2")
		}, true},
		"the second one": {func(a *answers) {
			a.note(one, "new-2")
			a.record(one, a.begin(one), saying("old"), false)
		}, false},
		"of a pod that was given something else, and is told": {func(a *answers) {
			a.note(one, "old-1")
			a.record(one, a.begin(one), saying("old"), true)
			a.outdate(one, "new-2")
		}, false},
		"of one whose runtime has started anew": {func(a *answers) {
			a.note(one, "new-2")
			a.record(one, a.begin(one), saying("old"), false)
			a.silence(one)
		}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var a answers
			tc.before(&a)
			if news, _ := a.record(one, a.begin(one), saying("old"), false); news != tc.want {
				t.Errorf("news: %v, want %v", news, tc.want)
			}
		})
	}
}

// A question may be under way while the pod is given something else.
func TestAnAnswerOfAnEarlierRoundIsDropped(t *testing.T) {
	one := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one", UID: "1"}}
	for name, meanwhile := range map[string]func(*answers){
		"noted":    func(a *answers) { a.note(one, "new-2") },
		"outdated": func(a *answers) { a.outdate(one, "new-2") },
		"silenced": func(a *answers) { a.silence(one) },
		"another of the name": func(a *answers) {
			a.note(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one", UID: "2"}}, "new-2")
			a.note(one, "new-2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a answers
			round := a.begin(one)
			meanwhile(&a)
			a.record(one, round, saying("new"), true)
			if _, fresh, _ := a.of(one); fresh {
				t.Error("it is believed")
			}
		})
	}
}
