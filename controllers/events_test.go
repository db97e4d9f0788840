package controllers_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Every change is followed through to its end: the passes that it causes, the
// answers of pods, and what the other controllers say.
func TestAChangeCausesAtMostOneEvent(t *testing.T) {
	tests := map[string]struct {
		change func(w *world, s *v1alpha1.SecuredMCPServer, r *fakeRuntime)
		want   []string
	}{
		"an edit that the pods enforce at once": {
			func(w *world, s *v1alpha1.SecuredMCPServer, _ *fakeRuntime) {
				w.update(s, func() { s.Spec.RequiredScopes = nil })
			}, nil,
		},
		"another image": {
			func(w *world, s *v1alpha1.SecuredMCPServer, _ *fakeRuntime) {
				d := named(s, &appsv1.Deployment{})
				w.read(d)
				w.updateStatus(d, func() { d.Status.ObservedGeneration = d.Generation })
				w.update(s, func() { s.Spec.Workload.Image = "ghcr.io/securedmcp/runtime:other" })
				w.settlePass(s)
				w.makeAvailable(s)
			}, nil,
		},
		"a rollout that takes a while": {
			func(w *world, s *v1alpha1.SecuredMCPServer, _ *fakeRuntime) {
				w.update(s, func() { s.Spec.Workload.PodAnnotations = map[string]string{"example.com/a": "2"} })
				w.settlePass(s)
				d := named(s, &appsv1.Deployment{})
				w.read(d)
				rolling := func(all, newest, ready int32) {
					w.updateStatus(d, func() {
						d.Status.ObservedGeneration = d.Generation
						d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = all, newest, ready, ready
					})
					w.reconciler.LosePatience(client.ObjectKeyFromObject(s))
					w.settlePass(s)
				}
				rolling(3, 1, 2)
				rolling(2, 2, 2)
			}, []string{"Normal Ready"},
		},
		"an edit that cannot be served": {
			func(w *world, s *v1alpha1.SecuredMCPServer, _ *fakeRuntime) {
				w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} })
			}, []string{"Warning InvalidSpec"},
		},
		"an edit that a pod refuses": {
			func(w *world, s *v1alpha1.SecuredMCPServer, r *fakeRuntime) {
				r.refuse(s.Status.Revision, "no")
				w.update(s, func() { s.Spec.RequiredScopes = nil })
			}, []string{"Warning ConfigRefused"},
		},
		"a pod that falls silent": {
			func(_ *world, _ *v1alpha1.SecuredMCPServer, r *fakeRuntime) { r.Close() }, []string{"Warning PodUnreachable"},
		},
		"a Deployment that is no longer available, and its pods": {
			func(w *world, s *v1alpha1.SecuredMCPServer, r *fakeRuntime) {
				r.Close()
				w.makeUnavailable(s)
			}, []string{"Normal Progressing"},
		},
		"an Ingress without its address": {
			func(w *world, s *v1alpha1.SecuredMCPServer, _ *fakeRuntime) {
				in := named(s, &networkingv1.Ingress{})
				w.updateStatus(in, func() { in.Status.LoadBalancer.Ingress = nil })
			}, []string{"Warning IngressPending"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, _, two := w.withPods()
			w.events.take()
			test.change(w, s, two)
			for range 3 {
				w.pass(s) //nolint:errcheck // the events say it
				w.ask(s)
				w.pass(s) //nolint:errcheck // as above
			}
			if diff := gocmp.Diff(test.want, w.events.take(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreationTellsOfTheEnd(t *testing.T) {
	w := newWorld(t)
	w.ready("a")
	if diff := gocmp.Diff([]string{"Normal Ready"}, w.events.take()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
