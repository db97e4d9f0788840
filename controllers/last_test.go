package controllers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
)

// children are one of each kind that every exposed server with two pods has.
func children(s *v1alpha1.SecuredMCPServer) map[string]client.Object {
	return map[string]client.Object{
		"ServiceAccount":      named(s, &corev1.ServiceAccount{}),
		"ConfigMap":           named(s, &corev1.ConfigMap{}),
		"Service":             named(s, &corev1.Service{}),
		"NetworkPolicy":       named(s, &networkingv1.NetworkPolicy{}),
		"Deployment":          named(s, &appsv1.Deployment{}),
		"PodDisruptionBudget": named(s, &policyv1.PodDisruptionBudget{}),
		"Ingress":             named(s, &networkingv1.Ingress{}),
	}
}

// edits are what somebody does to a child by hand.
var edits = map[string]func(client.Object){
	"ConfigMap": func(o client.Object) { o.(*corev1.ConfigMap).Data["config.json"] = "{}" },
	"Service":   func(o client.Object) { o.(*corev1.Service).Spec.Selector = map[string]string{"app": "theirs"} },
	"NetworkPolicy": func(o client.Object) {
		o.(*networkingv1.NetworkPolicy).Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	},
	"Deployment": func(o client.Object) {
		o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "theirs"
	},
	"PodDisruptionBudget": func(o client.Object) {
		o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = new(intstr.FromInt32(2))
	},
	"Ingress": func(o client.Object) { o.(*networkingv1.Ingress).Spec.Rules[0].Host = "theirs.example.com" },
}

// spoil edits s into what CEL takes and nobody can serve, whatever else it asks for.
func spoil(w *world, s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.update(s, func() {
		s.Spec.Scopes[0].Implies = []string{"invoices:write"} // a cycle
		s.Spec.Workload.Image, s.Spec.RequiredScopes = "registry.example.com/other:1", nil
		s.Spec.Exposure = v1alpha1.Exposure{}
	})
	w.reconcile(s) //nolint:errcheck // terminal
	if got := conditions(s)["Accepted"]; got != "False InvalidSpec" {
		w.t.Fatalf("Accepted %s", got)
	}
}

// settleRefused is settle of a server whose spec is not accepted.
func (w *world) settleRefused(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.runs(s)
	w.ask(s)
	w.reconciler.LosePatience(client.ObjectKeyFromObject(s))
	w.runs(s)
}

// rests states that further passes over s have nothing to write.
func (w *world) rests(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.writes.take()
	w.settle(s)
	w.wantWrites()
}

// restsRefused is rests for a server whose spec is not accepted.
func (w *world) restsRefused(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.writes.take()
	w.settleRefused(s)
	w.wantWrites()
}

// asMade is o without what differs when it is made anew.
func asMade(o client.Object) client.Object {
	c := essence(o)
	c.SetUID("")
	c.SetCreationTimestamp(metav1.Time{})
	if svc, ok := c.(*corev1.Service); ok {
		svc.Spec.ClusterIP, svc.Spec.ClusterIPs = "", nil
	}
	switch c := c.(type) {
	case *appsv1.Deployment:
		c.Status = appsv1.DeploymentStatus{}
	case *networkingv1.Ingress:
		c.Status = networkingv1.IngressStatus{}
	}
	return c
}

// What was accepted last is kept as it should be, as an accepted spec is: by an operator
// that has seen the edit, and by one that starts later.
func TestChildrenAreHealedWhileTheNewestSpecIsNotAccepted(t *testing.T) {
	for _, anew := range []bool{false, true} {
		t.Run(map[bool]string{false: "by the operator that saw it", true: "by the next operator"}[anew], func(t *testing.T) {
			t.Parallel()
			w := newNarrowWorld(t)
			all, s := w, w.ready("a")
			good := map[string]client.Object{}
			for kind, o := range children(s) {
				w.read(o)
				good[kind] = asMade(o)
			}
			spoil(w, s)
			healed := func(w *world, kind string) {
				w.t.Helper()
				if anew {
					all.stop()
					all.operator = startOperatorWith(all.t, all.network, controllers.Policy{}, all.namespace)
					w.operator = all.operator
				}
				w.settleRefused(s)
				o := children(s)[kind]
				if !w.exists(o) {
					w.t.Fatal("it stays gone")
				}
				if diff := cmp.Diff(good[kind], asMade(o)); diff != "" {
					w.t.Errorf("-accepted +now:\n%s", diff)
				}
				w.seen(o)
				w.restsRefused(s)
			}
			for kind, o := range children(s) {
				if known := kind != "ConfigMap" && kind != "ServiceAccount"; known || !anew { // see the next test
					t.Run(kind+" deleted", func(t *testing.T) {
						w := w.in(t)
						w.delete(o)
						healed(w, kind)
					})
				}
				if edit := edits[kind]; edit != nil {
					t.Run(kind+" edited", func(t *testing.T) {
						w := w.in(t)
						o := children(s)[kind]
						w.update(o, func() { edit(o) })
						healed(w, kind)
					})
				}
			}
			w.makeAvailable(s)
			w.makeExposed(s)
			w.reconcile(s) //nolint:errcheck // terminal
			w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
		})
	}
}

// Half of a spec is with the ConfigMap and half with the ServiceAccount. An operator that
// starts when either has gone makes nothing up, and says so.
func TestWhatNobodyKnowsIsNotMadeUp(t *testing.T) {
	for name, test := range map[string]struct {
		gone     []string
		enforced string
	}{
		"ConfigMap":      {[]string{"ConfigMap"}, "False NotDeployed"},
		"ServiceAccount": {[]string{"ServiceAccount"}, "True Enforced"},
		"both":           {[]string{"ConfigMap", "ServiceAccount"}, "False NotDeployed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.ready("a")
			spoil(w, s)
			for _, kind := range test.gone {
				w.delete(children(s)[kind])
			}
			w.startAnew()
			w.settleRefused(s)
			for _, write := range w.writes.take() {
				if write != "PATCH securedmcpservers/a/status" {
					t.Error(write)
				}
			}
			w.wantLost(s)
			if got := conditions(s)["Enforced"]; got != test.enforced {
				t.Errorf("Enforced %s: %s, want %s", got, message(s, "Enforced"), test.enforced)
			}
			if got := conditions(s)["Ready"]; got != "False InvalidSpec" {
				t.Errorf("Ready %s", got)
			}
			w.update(s, func() { s.Spec.Scopes[0].Implies = nil })
			w.settle(s)
			for _, kind := range test.gone {
				if !w.exists(children(s)[kind]) {
					t.Errorf("%s does not come back with the next accepted spec", kind)
				}
			}
		})
	}
}

// wantLost states that the status says that nobody knows what was accepted last.
func (w *world) wantLost(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	if got := message(s, "Accepted"); !strings.HasSuffix(got, "stays so until a spec is accepted") {
		w.t.Errorf("Accepted says %s", got)
	}
}

// Pods can be told of a revocation, whatever else nobody knows of them.
func TestARevocationDoesNotWaitForWhatIsLost(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Image = "evil.example/image:1"
	w.serve(s, "1")
	before := s.Status.Revision
	w.stop()
	if err := w.person.Delete(t.Context(), named(s, &corev1.ServiceAccount{})); err != nil {
		t.Fatal(err)
	}
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.update(s, func() { s.Spec.Revocation.Subjects = []string{"mallory"} })
	w.settle(s)
	w.wantLost(s)
	w.wantConditions(s, "False ImageNotAllowed", "True Available", "True Exposed", "True Enforced", "False ImageNotAllowed")
	if s.Status.Revision == before {
		t.Error("the revocation is not served")
	}
	w.rests(s)
}

// Containers that somebody puts beside the runtime need none of its files.
func TestARevocationDoesNotWaitForASidecar(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Image = "evil.example/image:1"
	w.serve(s, "1")
	d := named(s, &appsv1.Deployment{})
	w.update(d, func() {
		side := *d.Spec.Template.Spec.Containers[0].DeepCopy()
		side.Name, side.Ports, side.VolumeMounts, side.Args = "sidecar", nil, nil, []string{"x"}
		d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, side)
	})
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.settle(s)
	before := s.Status.Revision
	w.update(s, func() { s.Spec.Revocation.Subjects = []string{"mallory"} })
	w.settle(s)
	if s.Status.Revision == before {
		t.Error("the revocation is not served")
	}
}

// An edit whose workload could not be kept has not reached the pods either, so that a
// later one that is not accepted takes nothing back.
func TestPodsWaitForWhatIsKeptOfThem(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	w.writes.fail("PATCH serviceaccounts/a")
	w.update(s, func() { s.Spec.Workload.Image = "registry.example.com/other:2" })
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != runtimeImage {
		t.Errorf("image %s", got)
	}
	w.writes.fail("")
	w.settle(s)
	w.read(d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != "registry.example.com/other:2" {
		t.Errorf("image %s", got)
	}
}

// Without the ConfigMap nothing says what a route is for: it is that of before.
func TestARouteKeepsItsURLThoughNobodyKnowsWhatIsServed(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	younger := w.server("younger")
	younger.Spec.Resource = s.Spec.Resource
	w.create(younger)
	w.update(s, func() { s.Spec.Resource = "https://else.example.org/a" })
	spoilt := func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} } // a cycle
	w.update(s, spoilt)
	w.settleRefused(s)
	w.delete(named(s, &corev1.ConfigMap{}))
	w.restart(work{})
	w.settleRefused(s)
	w.settle(younger)
	if got := conditions(younger)["Accepted"]; got != "False ResourceConflict" {
		t.Errorf("Accepted of a server for the same URL is %s", got)
	}
	w.restsRefused(s)

	w.restart(work{policy: func(*world) controllers.Policy { return allowing("*.example.org") }})
	w.settleRefused(s)
	if w.exists(named(s, &networkingv1.Ingress{})) {
		t.Error("there is a route by a host that is not allowed")
	}
	w.settleRefused(s)
	if s.Status.URL != "" {
		t.Errorf("URL %s without a route", s.Status.URL)
	}
	w.restsRefused(s)
}

// Whoever takes the name of a child then is told of, as ever.
func TestAStrangerUnderARefusedSpecIsToldOf(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	spoil(w, s)
	w.delete(named(s, &networkingv1.NetworkPolicy{}))
	w.create(named(s, &networkingv1.NetworkPolicy{}))
	w.settleRefused(s)
	if got := message(s, "Accepted"); !strings.Contains(got, "NetworkPolicy a exists and was not made by this operator") {
		t.Errorf("Accepted says %s", got)
	}
	w.restsRefused(s)
}

// What the operator remembers is not for others to change, whatever they call themselves.
func TestNobodyForgesWhatWasAccepted(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	spoil(w, s)
	good := s.Status.Revision
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	forged, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": cm.Name, "namespace": cm.Namespace, "labels": cm.Labels, "ownerReferences": cm.OwnerReferences},
		"data":     map[string]string{"config.json": cm.Data["config.json"], "accepted.json": strings.Replace(cm.Data["accepted.json"], "https://auth", "https://evil", 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.person.Patch(t.Context(), cm, client.RawPatch(types.ApplyYAMLPatchType, forged), client.FieldOwner(controllers.FieldOwner), client.ForceOwnership); err != nil {
		t.Fatal(err)
	}
	w.seen(cm)
	w.settleRefused(s)
	if s.Status.Revision != good {
		t.Error("pods are given what somebody forged")
	}
	if w.read(cm); strings.Contains(cm.Data["accepted.json"], "https://evil") {
		t.Error("the forgery stays")
	}
}

// A revocation that came with what the policy objects to has been delivered, and is not
// taken back by what follows.
func TestWhatPodsWereGivenIsNotTakenBack(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.update(s, func() { // whoever revokes asks for an image, too
		s.Spec.Workload.Image = "evil.example/image:1"
		s.Spec.Revocation.Subjects = []string{"mallory"}
	})
	w.settle(s)
	w.wantConditions(s, "False ImageNotAllowed", "True Available", "True Exposed", "True Enforced", "False ImageNotAllowed")
	revoked := s.Status.Revision
	for name, harm := range map[string]func(w *world, cm *corev1.ConfigMap){
		"an edit":    func(w *world, cm *corev1.ConfigMap) { w.update(cm, func() { cm.Data["config.json"] = "{}" }) },
		"a deletion": func(w *world, cm *corev1.ConfigMap) { w.delete(cm) },
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.update(s, func() {
				s.Spec.Scopes[0].Implies = []string{"invoices:write"} // a cycle
				s.Spec.Revocation.Subjects = nil
			})
			harm(w, named(s, &corev1.ConfigMap{}))
			w.settleRefused(s)
			w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
			if s.Status.Revision != revoked {
				t.Errorf("pods are given revision %s, want that with the revocation, %s", s.Status.Revision, revoked)
			}
		})
	}
}

// An image of before that is allowed runs what the newest edit says about the policy,
// files that are new included.
func TestARevocationBringsTheFilesThatItNeeds(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.settle(s)
	w.writes.take()
	w.update(s, func() {
		s.Spec.Workload.Image = "evil.example/image:1"
		s.Spec.Tokens.CABundleRef = &v1alpha1.ConfigMapKeyRef{Name: "another-ca"}
	})
	w.settle(s)
	writes := w.writes.take()
	for _, want := range []string{"PATCH configmaps/a", "PATCH deployments/a", "PATCH pods/a-1", "PATCH pods/a-2"} {
		if !slices.Contains(writes, want) {
			t.Errorf("no %s in %v", want, writes)
		}
	}
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != runtimeImage {
		t.Errorf("image %s, want that of before", got)
	}
}

// What is not allowed any more runs on, and is not made anew.
func TestWhatIsNotAllowedIsNotHealed(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Image = "evil.example/image:1"
	w.serve(s, "1")
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.settle(s)
	w.delete(named(s, &appsv1.Deployment{}))
	w.delete(named(s, &corev1.Service{}))
	w.delete(named(s, &networkingv1.Ingress{}))
	w.settle(s)
	for kind, o := range children(s) {
		if got, want := w.exists(o), kind != "Deployment"; got != want {
			t.Errorf("there is a %s: %t, want %t", kind, got, want)
		}
	}
	if got := conditions(s)["Available"]; got != "False NotDeployed" {
		t.Errorf("Available %s: %s", got, message(s, "Available"))
	}
}

// Pods that are left as they are may have been made by an operator that gave them other
// files, or been changed by hand: what protects them is healed all the same.
func TestWhatIsAllowedIsHealedWhateverFilesPodsHave(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.server("a")
	s.Spec.Workload.Image = "evil.example/image:1"
	w.serve(s, "1")
	d := named(s, &appsv1.Deployment{})
	w.update(d, func() {
		d.Spec.Template.Spec.Containers[0].Args = append(d.Spec.Template.Spec.Containers[0].Args, "--of-before")
	})
	w.restart(work{policy: func(*world) controllers.Policy { return allowing("*.example.com") }})
	w.delete(named(s, &networkingv1.NetworkPolicy{}))
	cm, before := named(s, &corev1.ConfigMap{}), s.Status.Revision
	w.update(cm, func() { cm.Data["config.json"] = "{}" })
	w.settle(s)
	if !w.exists(named(s, &networkingv1.NetworkPolicy{})) {
		t.Error("there is no NetworkPolicy")
	}
	if s.Status.Revision != before {
		t.Error("the ConfigMap is as somebody edited it")
	}
	w.rests(s)
}

// describe gives s tools, each with a description of 8 KiB.
func describe(s *v1alpha1.SecuredMCPServer, tools int) {
	tool := s.Spec.Tools[0]
	for i := range tools {
		tool.Name, tool.Description = fmt.Sprint("tool-", i), strings.Repeat("x", 8192)
		s.Spec.Tools = append(s.Spec.Tools, tool)
	}
}

// A ConfigMap has room for a policy, and not always for the spec of it beside that.
func TestARevocationThatLeavesNoRoomForTheSpecIsDelivered(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	before := s.Status.Revision
	w.update(s, func() {
		for i := range 1024 {
			s.Spec.Revocation.TokenIDs = append(s.Spec.Revocation.TokenIDs, fmt.Sprintf("%0256d", i))
		}
		describe(s, 40)
	})
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	revoked := s.Status.Revision
	if revoked == before {
		t.Error("the revocation is not delivered")
	}
	w.rests(s)
	spoil(w, s)
	w.settleRefused(s)
	if s.Status.Revision != revoked {
		t.Error("the revocation is taken back")
	}
	if got := message(s, "Accepted"); !strings.HasSuffix(got, "stays so until a spec is accepted") {
		t.Errorf("Accepted says %s", got)
	}
	w.restsRefused(s)
}

// Enforced is True of what was accepted last, and who revokes has to know of which.
func TestARevocationThatReachesNobodyIsToldOf(t *testing.T) {
	const want = "; pods are given nothing of this spec, and no revocation that is in it, "
	w := newNarrowWorld(t)
	s := w.ready("a")
	w.restart(work{policy: func(*world) controllers.Policy { return allowing("*.example.com") }})
	before, resource := s.Status.Revision, s.Spec.Resource
	w.update(s, func() {
		s.Spec.Resource, s.Spec.Workload.Image = "https://else.example.com/a", "evil.example/image:1"
		s.Spec.Revocation.Subjects = []string{"mallory"}
	})
	w.settle(s)
	if got := message(s, "Accepted"); s.Status.Revision != before || !strings.Contains(got, want) {
		t.Errorf("revision %s, and Accepted says %q, want %q in it", s.Status.Revision, got, want)
	}
	w.rests(s)
	w.update(s, func() { s.Spec.Resource = resource })
	w.settle(s)
	if got := message(s, "Accepted"); s.Status.Revision == before || strings.Contains(got, want) {
		t.Errorf("revision %s, and Accepted says %q of one that is delivered", s.Status.Revision, got)
	}
}

// The server of before had the same name, and nothing else in common.
func TestANewServerKnowsNothingOfTheOneOfBefore(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	spoil(w, s)
	again := w.server("a")
	again.Spec.Scopes[0].Implies = []string{"invoices:write"}
	if err := w.person.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	w.create(again)
	w.writes.take()
	w.reconcile(again) //nolint:errcheck // terminal
	w.wantWrites("PATCH securedmcpservers/a/status")
	w.wantConditions(again, "False InvalidSpec", "False NotDeployed", "False IngressPending", "False NotDeployed", "False InvalidSpec")
}

// The ServiceAccount cannot be changed, and says how the server was exposed before. What
// has been closed since stays closed.
func TestWhatAnEditClosedIsNotOpenedByTheNextThatIsNotAccepted(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	w.writes.fail("PATCH serviceaccounts/a")
	w.update(s, func() { s.Spec.Exposure.Ingress = nil })
	if err := w.attempt(s); err == nil {
		t.Fatal("no error")
	}
	in := named(s, &networkingv1.Ingress{})
	if w.exists(in) {
		t.Fatal("the Ingress is still there")
	}
	w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} }) // a cycle
	_ = w.tries(s)                                                                // which fails
	w.writes.fail("")
	w.settleRefused(s)
	if w.exists(in) {
		t.Error("an edit that is not accepted has brought the Ingress back")
	}
	w.restsRefused(s)
}

// A revocation that came with an image which is not allowed, and is more than a ConfigMap
// holds, was not accepted in any sense: what was is healed.
func TestWhatTheAPIServerRefusedWasNotAcceptedLast(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"), w.namespace)
	w.settle(s)
	good := s.Status.Revision
	w.update(s, func() {
		s.Spec.Workload.Image = "evil.example/image:1"
		s.Spec.Revocation.TokenIDs = []string{"stolen"}
		describe(s, 135)
	})
	w.settle(s)
	w.wantConditions(s, "False ImageNotAllowed", "False ChildRejected", "True Exposed", "False ChildRejected", "False ImageNotAllowed")
	w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} }) // a cycle
	cm := named(s, &corev1.ConfigMap{})
	w.update(cm, func() { cm.Data["config.json"] = "{}" })
	w.settleRefused(s)
	w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
	if s.Status.Revision != good {
		t.Errorf("pods are given revision %s, want %s", s.Status.Revision, good)
	}
}
