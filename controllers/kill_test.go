package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// errKilled is what a dead operator's requests end with.
var errKilled = errors.New("the operator is dead")

// life is how many writes an operator has left to live. Its last one reaches the
// API server or not; the operator sees no answer in either case, and can do
// nothing more.
type life struct {
	writes  int
	arrives bool
	over    bool
}

// send sends a write that the life is long enough for.
func (l *life) send(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	switch {
	case l == nil:
		return next.RoundTrip(r)
	case l.over:
		return nil, errKilled
	case l.writes > 0:
		l.writes--
		return next.RoundTrip(r)
	}
	l.over = true
	if l.arrives {
		answer, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		answer.Body.Close()
	}
	return nil, errKilled
}

// Wherever a pass ends, the next operator finishes what it began, and then there
// is nothing left to write.
func TestOperatorMayDieAtEveryWriteOfAPass(t *testing.T) {
	passes := map[string]func(w *world, s *v1alpha1.SecuredMCPServer){
		"that makes the children": nil,
		"that changes the configuration": func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() { s.Spec.RequiredScopes = nil })
		},
		"that replaces the pods and takes the exposure away": func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() {
				s.Spec.Workload.Image, s.Spec.Exposure.Ingress, s.Spec.Workload.Replicas = "registry.example.com/other:1", nil, new(int32(1))
			})
		},
	}
	for name, change := range passes {
		for _, arrives := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", before a write", true: ", after a write"}[arrives], func(t *testing.T) {
				t.Parallel()
				dieEverywhere(t, change, arrives)
			})
		}
	}
}

func dieEverywhere(t *testing.T, change func(*world, *v1alpha1.SecuredMCPServer), arrives bool) {
	t.Helper()
	w := newWorld(t)
	for n := range 40 {
		s := w.server(fmt.Sprintf("a%d", n))
		w.create(s)
		if change != nil {
			w.settle(s)
			w.pod(s, "1", corev1.PodStatus{})
			w.settle(s)
			change(w, s)
		}
		w.writes.kill(&life{writes: n, arrives: arrives})
		err := w.attempt(s)
		w.stop()
		w.operator = startOperator(t, w.network)
		w.settle(s)
		w.settle(s)
		w.writes.take()
		w.settle(s)
		w.wantWrites()
		w.wantWhole(s)
		if t.Failed() {
			t.Fatalf("after death at write %d: %v", n+1, err)
		}
		if err == nil {
			if n < 2 {
				t.Errorf("the pass has %d writes; the test shows nothing", n)
			}
			return // it survived
		}
	}
	t.Error("the pass never ends")
}

// wantWhole states that what runs is what the spec asks for.
func (w *world) wantWhole(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	if s.Status.Revision == "" || s.Status.ObservedGeneration != s.Generation {
		w.t.Errorf("status is about generation %d with revision %q, want %d", s.Status.ObservedGeneration, s.Status.Revision, s.Generation)
	}
	var pods corev1.PodList
	if err := w.person.List(w.t.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{"app.kubernetes.io/instance": s.Name}); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range pods.Items {
		if !strings.HasPrefix(p.Annotations[revisionAnnotation], s.Status.Revision+"-") {
			w.t.Errorf("pod %s was told of revision %q, want %s", p.Name, p.Annotations[revisionAnnotation], s.Status.Revision)
		}
	}
	if got, want := w.exists(named(s, &networkingv1.Ingress{})), s.Spec.Exposure.Ingress != nil; got != want {
		w.t.Errorf("there is an Ingress: %v, want %v", got, want)
	}
	if got := conditions(s)["Accepted"]; got != "True Accepted" {
		w.t.Errorf("Accepted is %s", got)
	}
}
