package controllers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/test/kubetest"
)

// tries is a pass that may end with an error that only an edit helps, or that the
// test causes.
func (w *world) tries(s *v1alpha1.SecuredMCPServer) error {
	w.t.Helper()
	_, err := w.pass(s)
	if errors.Is(err, reconcile.TerminalError(nil)) {
		return nil
	}
	return err
}

// runs is a pass that ends well, or with an error that only an edit helps.
func (w *world) runs(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	if err := w.tries(s); err != nil {
		w.t.Fatal(err)
	}
}

// Where the Service or the NetworkPolicy cannot be changed, the pods of before serve.
func TestNothingMovesToAPortThatIsNotOpen(t *testing.T) {
	for _, kind := range []string{"services", "networkpolicies"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			w.create(s)
			w.settle(s)
			w.readyPod(s, "1")
			w.settle(s)
			w.writes.fail("PATCH " + kind + "/a")
			w.update(s, func() { speakTLS(s, true) })
			_ = w.tries(s) // which fails
			d := named(s, &appsv1.Deployment{})
			w.read(d)
			if got := d.Spec.Template.Spec.Containers[0].Ports[0].Name; got != "http" {
				t.Errorf("pods are replaced by ones with port %s that %s do not have", got, kind)
			}
		})
	}
}

// Somebody closes the port, and it cannot be opened again.
func TestARouteDoesNotMoveToAPortThatIsNotOpen(t *testing.T) {
	w := newWorld(t)
	s := w.inChangeover(behindIngress)
	service := named(s, &corev1.Service{})
	w.update(service, func() { service.Spec.Ports = service.Spec.Ports[:1] })
	w.writes.fail("PATCH services/a")
	w.readyPod(s, "2")
	_ = w.tries(s) // which fails
	if got := w.leads(s); got[0] != "http" {
		t.Errorf("the route leads to %v, which the Service does not have", got)
	}
	w.writes.fail("")
	w.settle(s)
	w.wantOpen(s, "once it can", tlsOfBoth)
}

// The pod of before has been ready for long, so the Deployment deletes the other at once.
func TestTheRouteLeavesPodsBeforeTheDeploymentMayDeleteThem(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas = new(int32(1))
	w.create(s)
	w.settle(s)
	w.readyPod(s, "1")
	w.update(s, func() { speakTLS(s, true) })
	w.settle(s)
	w.readyPod(s, "2")
	w.settle(s)
	w.wantOpen(s, "both are ready", tlsOfBoth)
	w.update(s, func() { speakTLS(s, false) })
	happened := w.writes.before("PATCH deployments/a", func() {
		if got := w.leads(s); got[0] != "http" {
			t.Errorf("the Deployment may delete the pod with TLS, since the other has been ready for long, and the route leads to %v", got)
		}
	})
	w.settle(s)
	if !happened() {
		t.Error("no PATCH of the Deployment")
	}
	w.wantOpen(s, "in the end", plainOfBoth)
}

// inChangeover is a server, exposed so, whose only ready pod does not speak TLS, which is
// asked for by now.
func (w *world) inChangeover(expose func(*v1alpha1.SecuredMCPServer)) *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	s := w.server("a")
	expose(s)
	w.create(s)
	w.settle(s)
	w.readyPod(s, "1")
	w.update(s, func() { speakTLS(s, true) })
	w.settle(s)
	return s
}

// refusedChangeover is one whose spec is then refused, and a pod with TLS that starts.
func (w *world) refusedChangeover(expose func(*v1alpha1.SecuredMCPServer)) (s *v1alpha1.SecuredMCPServer, fresh *corev1.Pod) {
	w.t.Helper()
	s = w.inChangeover(expose)
	fresh = w.pod(s, "2", corev1.PodStatus{})
	w.refuse(s)
	return s, fresh
}

// forgottenChangeover is a refused one of which nobody knows what was accepted, so that
// nobody applies its route.
func (w *world) forgottenChangeover(expose func(*v1alpha1.SecuredMCPServer)) (s *v1alpha1.SecuredMCPServer, fresh *corev1.Pod) {
	w.t.Helper()
	s, fresh = w.refusedChangeover(expose)
	w.delete(named(s, &corev1.ServiceAccount{}))
	w.restart(work{})
	w.runs(s)
	if got := message(s, "Accepted"); !strings.HasSuffix(got, "stays so until a spec is accepted") {
		w.t.Fatalf("Accepted says %s", got)
	}
	return s, fresh
}

// refuse makes the spec of s one that is not accepted.
func (w *world) refuse(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} }) // a cycle
	w.runs(s)
	if got := conditions(s)["Accepted"]; got != "False InvalidSpec" {
		w.t.Fatalf("Accepted is %s", got)
	}
}

// behindPublic asks for an HTTPRoute.
func behindPublic(s *v1alpha1.SecuredMCPServer) { behind(s, "public") }

// It leads where they want, and there is nothing to write.
func TestARouteThatSomebodyHasTakenOverIsLeftAlone(t *testing.T) {
	w := newNarrowWorld(t)
	s, fresh := w.forgottenChangeover(behindIngress)
	in := named(s, &networkingv1.Ingress{})
	w.update(in, func() { in.Spec.Rules[0].HTTP.Paths = in.Spec.Rules[0].HTTP.Paths[:1] })
	w.isReady(fresh, corev1.ConditionTrue)
	w.writes.take()
	for range 3 {
		w.runs(s)
	}
	if got := slices.DeleteFunc(w.writes.take(), func(s string) bool { return !strings.Contains(s, "ingresses") }); len(got) > 0 {
		t.Errorf("writes %v", got)
	}
	if got := w.leads(s); got[0] != "http" {
		t.Errorf("the route leads to %v", got)
	}
}

func TestAnHTTPRouteThatSomebodyHasTakenOverIsLeftAlone(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newNarrowWorld(t)
	s, fresh := w.forgottenChangeover(behindPublic)
	route := httpRoute(s)
	w.update(route, func() {
		rule := route.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)
		rule["matches"] = rule["matches"].([]any)[:1]
	})
	w.isReady(fresh, corev1.ConditionTrue)
	w.writes.take()
	for range 3 {
		w.runs(s)
	}
	if got := slices.DeleteFunc(w.writes.take(), func(s string) bool { return !strings.Contains(s, "httproutes") }); len(got) > 0 {
		t.Errorf("writes %v", got)
	}
}

// What cannot be led is withdrawn all the same.
func TestARouteThatCannotBeLedIsWithdrawn(t *testing.T) {
	w := newNarrowWorld(t)
	s, fresh := w.refusedChangeover(behindIngress)
	w.isReady(fresh, corev1.ConditionTrue)
	w.restart(work{policy: func(*world) controllers.Policy {
		return controllers.Policy{AllowedHosts: map[string][]string{w.namespace: {"elsewhere.example.com"}}}
	}})
	w.writes.fail("PATCH ingresses/a")
	for range 3 {
		_ = w.tries(s) // which fails
	}
	if w.exists(named(s, &networkingv1.Ingress{})) {
		t.Error("the Ingress of a host that is not allowed is still there")
	}
}

// A container that somebody injects may have a port of the name.
func TestOnlyTheRuntimeTellsWhetherAPodSpeaksTLS(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.settle(s)
	p := w.podTemplate(s, "1")
	side := *p.Spec.Containers[0].DeepCopy()
	side.Name, side.Ports = "injected", []corev1.ContainerPort{{Name: "https", ContainerPort: 9443}}
	p.Spec.Containers = append(p.Spec.Containers, side)
	w.create(p)
	w.isReady(p, corev1.ConditionTrue)
	w.settle(s)
	w.wantOpen(s, "a pod without TLS", onlyPlain)
}

// The cache may hold a route for a moment longer.
func TestNobodyIsToldOfARouteThatSimplyGoes(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	for name, expose := range map[string]func(*v1alpha1.SecuredMCPServer){
		"Ingress": behindIngress, "HTTPRoute": behindPublic,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 5 {
				s := w.server("a" + string(rune('0'+i)))
				expose(s)
				w.create(s)
				w.settle(s)
				w.makeAvailable(s)
				if name == "Ingress" {
					w.makeExposed(s)
				} else {
					w.makeRouted(s, "public")
				}
				w.runningPod(s, "1")
				w.settle(s)
				w.events.take()
				w.update(s, func() {
					s.Spec.Workload.Replicas, s.Spec.Exposure.Gateway, s.Spec.Exposure.Ingress = new(int32(0)), nil, nil
				})
				w.runs(s)
				if got := conditions(s)["Exposed"]; got != "True ClusterLocal" {
					t.Errorf("Exposed is %s: %s; events %v", got, message(s, "Exposed"), w.events.take())
				}
			}
		})
	}
}

// A route that goes does so, too, whatever becomes of the one that takes its place.
func TestARouteThatGoesFollowsThePodsThoughTheOtherFails(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newWorld(t)
	s := w.server("a")
	behind(s, "public")
	w.create(s)
	w.settle(s)
	w.readyPod(s, "1")
	w.settle(s)
	w.writes.fail("PATCH ingresses/a")
	w.update(s, func() { behindIngress(s); speakTLS(s, true) })
	_ = w.tries(s) // which fails
	w.readyPod(s, "2")
	_ = w.tries(s) // which fails
	if got := w.leads(s); len(got) != 1 || got[0] != "HTTPRoute 443" {
		t.Errorf("leads %v", got)
	}
}

// Two routes lead to the same pods under a spec that is refused.
func TestBothRoutesFollowThePodsUnderARefusedSpec(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "gateway-api")
	w := newWorld(t)
	s := w.leavingGateway() // both
	w.readyPod(s, "1")
	w.update(s, func() { speakTLS(s, true) })
	w.settle(s)
	fresh := w.readyPod(s, "2")
	w.settle(s)
	w.refuse(s)
	w.isReady(fresh, corev1.ConditionFalse)
	w.runs(s)
	if got := strings.Join(w.leads(s), "; "); got != "http; http; HTTPRoute 80" {
		t.Errorf("leads %s", got)
	}
	w.writes.take()
	w.runs(s)
	w.wantWrites()
}

// What is applied under a refused spec is what an accepted one asks for.
func TestARouteThatWasLedIsNotAppliedAnew(t *testing.T) {
	w := newWorld(t)
	s, fresh := w.refusedChangeover(behindIngress)
	w.isReady(fresh, corev1.ConditionTrue)
	w.runs(s)
	w.update(s, func() { s.Spec.Scopes[0].Implies = nil })
	w.writes.take()
	w.runs(s)
	for _, got := range w.writes.take() {
		if strings.Contains(got, "ingresses") {
			t.Errorf("needless %s", got)
		}
	}
}
