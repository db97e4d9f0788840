package controllers_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
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

// work is a server in some state, and a change for a pass to work on.
type work struct {
	// prepare comes before the server, change after it has settled.
	prepare, change func(w *world, s *v1alpha1.SecuredMCPServer)
	// policy is that of the operators from the change on.
	policy func(w *world) controllers.Policy
	// want states what is true in the end; nil is wantWhole.
	want func(w *world, s *v1alpha1.SecuredMCPServer)
}

var works = map[string]work{
	"that makes the children": {},
	"that changes the configuration": {change: func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.update(s, func() { s.Spec.RequiredScopes = nil })
	}},
	"that replaces the pods and takes the exposure away": {change: func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.update(s, func() {
			s.Spec.Workload.Image, s.Spec.Exposure.Ingress, s.Spec.Workload.Replicas = "registry.example.com/other:1", nil, new(int32(1))
		})
	}},
	"that leaves the replicas to an autoscaler": {change: func(w *world, s *v1alpha1.SecuredMCPServer) {
		w.update(s, func() { s.Spec.Workload.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: 3, MaxReplicas: 4} })
	}},
	"that opens both ports when TLS is turned on": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) { w.update(s, func() { speakTLS(s, true) }) },
		want:   func(w *world, s *v1alpha1.SecuredMCPServer) { w.wantOpen(s, "in the end", plainOfBoth) },
	},
	"that leads the route to the pods that speak TLS": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() { speakTLS(s, true) })
			w.settle(s)
			w.readyPod(s, "2")
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) { w.wantOpen(s, "in the end", tlsOfBoth) },
	},
	"that makes an Ingress of another class anew": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) { w.exposedAs(s, "other") },
		want:   func(w *world, s *v1alpha1.SecuredMCPServer) { w.wantOther(s) },
	},
	"that makes an Ingress anew that somebody held": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			in := w.ingressOf(s)
			w.update(in, func() { in.Finalizers = []string{"example.com/balancer"} })
			w.exposedAs(s, "other")
			w.settle(s)
			w.letGo(s)
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) { w.wantOther(s) },
	},
	"that takes a resource over": {
		prepare: func(w *world, s *v1alpha1.SecuredMCPServer) {
			older := w.server("a-before-" + s.Name)
			older.Spec.Resource = s.Spec.Resource
			w.create(older)
			w.settle(older)
		},
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			if got := conditions(s)["Accepted"]; got != "False ResourceConflict" {
				w.t.Fatalf("Accepted is %s before the older server goes", got)
			}
			w.delete(w.server("a-before-" + s.Name))
		},
	},
	"that overwrites what was edited by hand": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			svc := named(s, &corev1.Service{})
			w.update(svc, func() { svc.Spec.Ports[0].Port = 8088 })
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.wantWhole(s)
			svc := named(s, &corev1.Service{})
			w.read(svc)
			if got := svc.Spec.Ports[0].Port; len(svc.Spec.Ports) != 1 || got == 8088 {
				w.t.Errorf("ports %v, want the operator's alone", svc.Spec.Ports)
			}
			if slices.ContainsFunc(svc.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
				return e.Manager == controllers.FieldOwner && e.Operation == metav1.ManagedFieldsOperationUpdate
			}) {
				w.t.Error("the operator owns fields by an update: it could not give them up by applying")
			}
		},
	},
	"that finds a child without its label": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			svc := named(s, &corev1.Service{})
			w.update(svc, func() { svc.Labels = nil })
			w.forgets(svc.DeepCopy())
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.wantWhole(s)
			svc := named(s, &corev1.Service{})
			w.read(svc)
			if len(svc.Labels) == 0 {
				w.t.Error("the Service has no label")
			}
		},
	},
	"that heals what was accepted last and brings a revocation to it": {
		change: func(w *world, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() {
				s.Spec.Workload.Image, s.Spec.Revocation.Subjects = "evil.example/image:1", []string{"mallory"}
			})
			for _, kind := range []string{"Service", "Deployment", "Ingress"} {
				w.delete(children(s)[kind])
			}
		},
		policy: func(*world) controllers.Policy { return allowing("*.example.com") },
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			if got := conditions(s)["Accepted"]; got != "False ImageNotAllowed" {
				w.t.Errorf("Accepted is %s", got)
			}
			for kind, o := range children(s) {
				if !w.exists(o) {
					w.t.Errorf("there is no %s", kind)
				}
			}
			cm, d := named(s, &corev1.ConfigMap{}), named(s, &appsv1.Deployment{})
			w.read(cm)
			w.read(d)
			if got := d.Spec.Template.Spec.Containers[0].Image; got != runtimeImage {
				w.t.Errorf("image %s, want that of before", got)
			}
			if !strings.Contains(cm.Data["config.json"], "mallory") {
				w.t.Error("the revocation is not there")
			}
			w.wantEnforcing(s)
		},
	},
	"that withdraws a host that is no longer allowed": {
		policy: func(w *world) controllers.Policy {
			return controllers.Policy{AllowedHosts: map[string][]string{w.namespace: {"elsewhere.example.com"}}}
		},
		want: func(w *world, s *v1alpha1.SecuredMCPServer) {
			if got := conditions(s)["Accepted"]; got != "False HostNotAllowed" {
				w.t.Errorf("Accepted is %s", got)
			}
			if w.exists(named(s, &networkingv1.Ingress{})) {
				w.t.Error("the Ingress is still there")
			}
			if !w.exists(named(s, &corev1.ConfigMap{})) {
				w.t.Error("what was accepted last is gone")
			}
		},
	},
}

// Wherever a pass ends, the next operator finishes what it began, and then there
// is nothing left to write.
func TestOperatorMayDieAtEveryWriteOfAPass(t *testing.T) {
	for name, work := range works {
		for _, arrives := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", before a write", true: ", after a write"}[arrives], func(t *testing.T) {
				t.Parallel()
				dieEverywhere(t, work, arrives)
			})
		}
	}
}

func dieEverywhere(t *testing.T, work work, arrives bool) {
	t.Helper()
	w := newNarrowWorld(t)
	for n := range 40 {
		s := w.server(fmt.Sprintf("a%d", n))
		begin(w, work, s)
		w.writes.kill(&life{writes: n, arrives: arrives})
		err := w.attempt(s)
		w.restart(work)
		w.settle(s)
		w.settle(s)
		w.writes.take()
		w.settle(s)
		w.wantWrites()
		work.check(w, s)
		if t.Failed() {
			t.Fatalf("after death at write %d: %v", n+1, err)
		}
		if err == nil {
			if n == 0 {
				t.Error("the pass writes nothing; the test shows nothing")
			}
			return // it survived
		}
		if work.policy != nil { // the next server is made by an operator that allows it
			w.restart(work.without())
		}
	}
	t.Error("the pass never ends")
}

// begin brings s to where the pass of the work begins.
func begin(w *world, work work, s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	if work.prepare != nil {
		work.prepare(w, s)
	}
	w.create(s)
	if work.change == nil && work.policy == nil {
		return
	}
	w.settle(s)
	if w.exists(named(s, &appsv1.Deployment{})) {
		w.obeyingPod(s, "1")
	}
	w.settle(s)
	if work.change != nil {
		work.change(w, s)
	}
	if work.policy != nil {
		w.restart(work)
	}
}

// restart ends the operator and starts another, with the policy of work.
func (w *world) restart(work work) {
	w.t.Helper()
	w.stop()
	var policy controllers.Policy
	if work.policy != nil {
		policy = work.policy(w)
	}
	w.operator = startOperatorWith(w.t, w.network, policy, w.namespace)
}

// without is the work without its policy.
func (work work) without() work {
	work.policy = nil
	return work
}

func (work work) check(w *world, s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	if work.want != nil {
		work.want(w, s)
		return
	}
	w.wantWhole(s)
}

// mountedAnnotation is on pods whose kubelet never looks by itself: they enforce what
// they have mounted until they are told of something else.
const mountedAnnotation = "example.com/mounted"

// obeyingPod creates a ready pod of that kind.
func (w *world) obeyingPod(s *v1alpha1.SecuredMCPServer, suffix string) {
	w.t.Helper()
	var p *corev1.Pod
	p, _ = w.podSaying(s, suffix, func() configStatus {
		now := p.DeepCopy()
		if err := w.person.Get(context.Background(), client.ObjectKeyFromObject(now), now); err != nil {
			return configStatus{Error: err.Error()}
		}
		return configStatus{Revision: enforcedBy(now)}
	})
	w.update(p, func() { p.Annotations = map[string]string{mountedAnnotation: s.Status.Revision} })
}

func enforcedBy(p *corev1.Pod) string {
	revision, _, _ := strings.Cut(p.Annotations[revisionAnnotation], "-")
	return cmp.Or(revision, p.Annotations[mountedAnnotation])
}

// wantEnforcing states that all pods enforce what is served.
func (w *world) wantEnforcing(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	var pods corev1.PodList
	if err := w.person.List(w.t.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{"app.kubernetes.io/instance": s.Name}); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range pods.Items {
		if got := enforcedBy(&p); got != s.Status.Revision && p.Annotations[mountedAnnotation] != "" {
			w.t.Errorf("pod %s enforces revision %s, want %s", p.Name, got, s.Status.Revision)
		}
	}
}

// wantWhole states that what runs is what the spec asks for.
func (w *world) wantWhole(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	if s.Status.Revision == "" || s.Status.ObservedGeneration != s.Generation {
		w.t.Errorf("status is about generation %d with revision %q, want %d", s.Status.ObservedGeneration, s.Status.Revision, s.Generation)
	}
	w.wantEnforcing(s)
	if got, want := w.exists(named(s, &networkingv1.Ingress{})), s.Spec.Exposure.Ingress != nil; got != want {
		w.t.Errorf("there is an Ingress: %v, want %v", got, want)
	}
	if got := conditions(s)["Accepted"]; got != "True Accepted" {
		w.t.Errorf("Accepted is %s", got)
	}
}
