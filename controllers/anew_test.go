package controllers_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

const annotationClass = "kubernetes.io/ingress.class"

// ofClass asks for an Ingress of a class.
func (w *world) ofClass(s *v1alpha1.SecuredMCPServer, class string) {
	w.t.Helper()
	w.update(s, func() { s.Spec.Exposure.Ingress.ClassName = class })
}

// ingressOf is the Ingress as it is.
func (w *world) ingressOf(s *v1alpha1.SecuredMCPServer) *networkingv1.Ingress {
	w.t.Helper()
	in := named(s, &networkingv1.Ingress{})
	w.read(in)
	return in
}

func className(in *networkingv1.Ingress) string {
	if in.Spec.IngressClassName == nil {
		return ""
	}
	return *in.Spec.IngressClassName
}

// wantAnew states whether there is another Ingress than before, of which class it is,
// and that only the one of before has an address.
func (w *world) wantAnew(s *v1alpha1.SecuredMCPServer, before *networkingv1.Ingress, anew bool, class string) {
	w.t.Helper()
	in := w.ingressOf(s)
	if got := in.UID != before.UID; got != anew {
		w.t.Errorf("the Ingress is another: %t, want %t", got, anew)
	}
	if got := className(in); got != class {
		w.t.Errorf("its class is %q, want %q", got, class)
	}
	if got := len(in.Status.LoadBalancer.Ingress) == 0; got != anew {
		w.t.Errorf("it has no address: %t, want %t", got, anew)
	}
}

// The address of the Ingress of before is that of the controller of before.
func TestAnIngressOfAnotherClassIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	before := w.ingressOf(s)
	w.ofClass(s, "other")
	w.settle(s)
	w.wantWrites("DELETE ingresses/a", "PATCH ingresses/a", "PATCH ingresses/a", "PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a")
	w.wantAnew(s, before, true, "other")
	w.wantConditions(s, "True Accepted", "True Available", "False IngressPending", "True Enforced", "False IngressPending")
	w.wantMessage(s, "Exposed", "no ingress controller has given the Ingress an address; its class is other")

	w.makeExposed(s)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.writes.take()
	w.settle(s)
	w.wantWrites()
	t.Run("and back, by an operator that has just started", func(t *testing.T) {
		w, before := w.in(t), w.ingressOf(s)
		w.stop()
		w.operator = startOperator(t, w.network)
		w.ofClass(s, "nginx")
		w.settle(s)
		w.wantAnew(s, before, true, "nginx")
	})
}

func TestWhatChangesTheClassOfAnIngress(t *testing.T) {
	byHand := func(edit func(*networkingv1.Ingress)) func(*world, *v1alpha1.SecuredMCPServer) {
		return func(w *world, s *v1alpha1.SecuredMCPServer) {
			in := named(s, &networkingv1.Ingress{})
			w.update(in, func() { edit(in) })
		}
	}
	bySpec := func(edit func(*v1alpha1.Ingress)) func(*world, *v1alpha1.SecuredMCPServer) {
		return func(w *world, s *v1alpha1.SecuredMCPServer) { w.update(s, func() { edit(s.Spec.Exposure.Ingress) }) }
	}
	tests := map[string]struct {
		// before is what is asked for first.
		before func(*v1alpha1.Ingress)
		change func(*world, *v1alpha1.SecuredMCPServer)
		anew   bool
		class  string
	}{
		"somebody gives it another": {
			change: byHand(func(in *networkingv1.Ingress) { in.Spec.IngressClassName = new("other") }), anew: true, class: "nginx",
		},
		"somebody takes it away": {
			change: byHand(func(in *networkingv1.Ingress) { in.Spec.IngressClassName = nil }), anew: true, class: "nginx",
		},
		"none is asked for any more": {change: bySpec(func(in *v1alpha1.Ingress) { in.ClassName = "" }), anew: true},
		"the annotation of old is asked for": {
			change: bySpec(func(in *v1alpha1.Ingress) {
				in.ClassName, in.Annotations = "", map[string]string{annotationClass: "nginx"}
			}), anew: true,
		},
		"another annotation of old is asked for": {
			before: func(in *v1alpha1.Ingress) {
				in.ClassName, in.Annotations = "", map[string]string{annotationClass: "nginx"}
			},
			change: bySpec(func(in *v1alpha1.Ingress) { in.Annotations[annotationClass] = "other" }), anew: true,
		},
		"somebody edits the annotation of old": {
			before: func(in *v1alpha1.Ingress) {
				in.ClassName, in.Annotations = "", map[string]string{annotationClass: "nginx"}
			},
			change: byHand(func(in *networkingv1.Ingress) { in.Annotations[annotationClass] = "other" }), anew: true,
		},
		"an edit leaves the annotation of old": {
			before: func(in *v1alpha1.Ingress) {
				in.ClassName, in.Annotations = "", map[string]string{annotationClass: "nginx"}
			},
			change: bySpec(func(in *v1alpha1.Ingress) { in.Annotations["example.com/a"] = "b" }),
		},
		"an edit leaves it":    {change: bySpec(func(in *v1alpha1.Ingress) { in.TLS.SecretName = "another" }), class: "nginx"},
		"somebody edits else":  {change: byHand(func(in *networkingv1.Ingress) { in.Spec.TLS = nil }), class: "nginx"},
		"an annotation agrees": {change: bySpec(func(in *v1alpha1.Ingress) { in.Annotations = map[string]string{annotationClass: "nginx"} }), class: "nginx"},
		"an annotation that no new Ingress can have": {
			change: bySpec(func(in *v1alpha1.Ingress) { in.Annotations = map[string]string{annotationClass: "other"} }), class: "nginx",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			if test.before != nil {
				test.before(s.Spec.Exposure.Ingress)
			}
			w.serve(s, "1", "2")
			before := w.ingressOf(s)
			test.change(w, s)
			w.settle(s)
			w.wantAnew(s, before, test.anew, test.class)
			w.writes.take()
			w.settle(s)
			w.wantWrites()
		})
	}
}

// It is filled in when the Ingress is made, and nobody asked for it.
func TestTheDefaultClassIsNoOtherClass(t *testing.T) {
	w := newWorld(t)
	class := &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace, Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}},
		Spec:       networkingv1.IngressClassSpec{Controller: "example.com/default"},
	}
	w.createForAll(class)
	s := w.server("a")
	s.Spec.Exposure.Ingress.ClassName = ""
	w.eventually("the default class is filled in", func() bool {
		return className(w.trial(s)) == class.Name
	})
	w.serve(s, "1", "2")
	before := w.ingressOf(s)
	w.update(s, func() { s.Spec.Exposure.Ingress.TLS.SecretName = "another" })
	w.settle(s)
	w.wantAnew(s, before, false, class.Name)

	w.ofClass(s, "nginx")
	w.settle(s)
	w.wantAnew(s, before, true, "nginx")
	w.makeExposed(s)
	w.settle(s)
	before = w.ingressOf(s)
	w.ofClass(s, "")
	w.settle(s)
	w.wantAnew(s, before, true, class.Name)
}

// Until it has gone clients come by it, by the controller of before.
func TestAnIngressThatAFinalizerKeepsIsMadeAnewWhenItHasGone(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	before := w.ingressOf(s)
	w.update(before, func() { before.Finalizers = []string{"example.com/balancer"} })
	w.ofClass(s, "other")
	w.settle(s)
	w.wantWrites("DELETE ingresses/a", "PATCH ingresses/a", "PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a")
	w.wantConditions(s, "True Accepted", "True Available", "False RouteEnding", "True Enforced", "False RouteEnding")
	w.wantMessage(s, "Exposed", "the Ingress is being deleted, and another is made when it has gone; it goes when nobody holds it any more by the finalizers example.com/balancer")
	if got := w.ingressOf(s); got.UID != before.UID || className(got) != "nginx" {
		t.Errorf("its class is %s: whoever holds it would not know it again", className(got))
	}
	w.settle(s)
	w.wantWrites()
	younger := w.server("younger")
	younger.Spec.Resource = s.Spec.Resource
	w.create(younger)
	w.settle(younger)
	if got := conditions(younger)["Accepted"]; got != "False ResourceConflict" {
		t.Errorf("Accepted of a server for the same URL is %s", got)
	}
	w.refuse(s) // which takes nothing away from what was accepted last
	if got, want := message(s, "Exposed"), "another is made when it has gone"; !strings.Contains(got, want) {
		t.Errorf("Exposed says %q, want %q in it", got, want)
	}
	w.letGo(s)
	w.runs(s)
	w.wantAnew(s, before, true, "other")
	w.wantConditions(s, "False InvalidSpec", "True Available", "False IngressPending", "True Enforced", "False InvalidSpec")
}

// Nobody makes another where nobody knows what was accepted.
func TestAnIngressThatLeavesAndIsNotMadeAnewSaysSo(t *testing.T) {
	w := newNarrowWorld(t)
	s := w.ready("a")
	in := w.ingressOf(s)
	w.update(in, func() { in.Finalizers = []string{"example.com/balancer"} })
	w.refuse(s)
	w.delete(named(s, &corev1.ServiceAccount{}))
	if err := w.person.Delete(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	w.restart(work{})
	w.runs(s)
	if got, want := message(s, "Exposed"), "none is made in its place before a spec is accepted"; !strings.Contains(got, want) {
		t.Errorf("Exposed says %q, want %q in it", got, want)
	}
}

// letGo ends what holds the Ingress of s.
func (w *world) letGo(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	in := w.ingressOf(s)
	in.Finalizers = nil
	if err := w.person.Update(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
	w.forgets(in)
}

// The one that there is has a certificate that clients accept.
func TestAnIngressThatIsMadeAnewKeepsItsSecret(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "cert-manager")
	for _, held := range []bool{false, true} {
		t.Run(map[bool]string{false: "at once", true: "when nobody holds it"}[held], func(t *testing.T) {
			w := newWorld(t)
			s := w.ready("a")
			before := w.ingressOf(s)
			if held {
				w.update(before, func() { before.Finalizers = []string{"example.com/balancer"} })
			}
			w.update(s, func() { askIssuer(s); s.Spec.Exposure.Ingress.ClassName = "other" })
			w.settle(s)
			if held {
				w.stop()
				w.operator = startOperator(t, w.network) // which sees it while it is there
				w.settle(s)
				w.letGo(s)
				w.settle(s)
			}
			w.wantAnew(s, before, true, "other")
			w.wantSecret(s, "mcp-tls")
			w.wantMessage(s, "Exposed", "cert-manager has not looked at the Certificate yet; until it is there, the Ingress has the certificate of Secret mcp-tls")
			w.judgeCertificate(s, "True", "Ready", "Certificate is up to date and has not expired")
			w.settle(s)
			w.wantSecret(s, "a-securedmcp-tls")
		})
	}
}

// What clients came by long ago, or by a server of before, says nothing of the Secret.
func TestAnIngressThatTakesNoOthersPlaceHasTheSecretThatIsAskedFor(t *testing.T) {
	kubetest.InstallCRDs(t, kubetest.Config(t), "cert-manager")
	for _, recreated := range []bool{false, true} {
		t.Run(map[bool]string{false: "asked for anew", true: "of a server of the same name"}[recreated], func(t *testing.T) {
			w := newNarrowWorld(t)
			s := w.ready("a")
			in := w.ingressOf(s)
			w.update(in, func() { in.Finalizers = []string{"example.com/balancer"} })
			again := w.server("a")
			askIssuer(again)
			if recreated {
				w.ofClass(s, "other")
				w.settle(s)
				w.letGo(s)
				if err := w.person.Delete(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				for _, o := range children(s) {
					if w.exists(o) {
						w.delete(o)
					}
				}
				s = again
				w.create(s)
			} else {
				w.update(s, func() { s.Spec.Exposure = v1alpha1.Exposure{} })
				w.settle(s)
				w.letGo(s)
				w.settle(s)
				w.update(s, func() { s.Spec.Exposure = again.Spec.Exposure })
			}
			w.settle(s)
			w.wantSecret(s, "a-securedmcp-tls")
		})
	}
}

func TestAnIngressThatIsMadeAnewLeadsToThePodsThatServe(t *testing.T) {
	w := newWorld(t)
	s := w.inChangeover(behindIngress)
	before := w.ingressOf(s)
	w.ofClass(s, "other")
	w.settle(s)
	w.wantAnew(s, before, true, "other")
	w.wantOpen(s, "before the new pod is ready", plainOfBoth)
	second := w.ingressOf(s)
	w.update(second, func() { second.Finalizers = []string{"example.com/balancer"} })
	w.ofClass(s, "third")
	w.settle(s)
	w.readyPod(s, "2")
	w.settle(s)
	w.wantOpen(s, "while somebody holds the Ingress", tlsOfBoth)
	if got := className(w.ingressOf(s)); got != "other" {
		t.Errorf("its class is %s", got)
	}
	w.letGo(s)
	w.settle(s)
	w.wantAnew(s, second, true, "third")
	w.wantOpen(s, "in the end", tlsOfBoth)
}

// It has the name for a moment in which nobody else has.
func TestAStrangersIngressThatComesMeanwhileIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	theirs := named(s, strangersIngress())
	happened := func() bool { return false }
	w.writes.before("DELETE ingresses/a", func() {
		happened = w.writes.before("PATCH ingresses/a", func() {
			if err := w.person.Create(t.Context(), theirs); err != nil {
				t.Error(err)
			}
		})
	})
	w.ofClass(s, "other")
	w.settle(s)
	if !happened() {
		t.Fatal("nothing is created after the deletion")
	}
	if got := conditions(s)["Exposed"]; got != "False NameConflict" {
		t.Errorf("Exposed is %s", got)
	}
	if got := w.ingressOf(s); got.UID != theirs.UID || len(got.OwnerReferences) > 0 {
		t.Errorf("it has become %v", got)
	}
}

// A controller or webhook that insists on a class of its own must not have the operator
// take the route away again and again.
func TestAnIngressIsNotMadeAnewAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.ofClass(s, "other")
	w.settle(s)
	in := w.ingressOf(s)
	for range 3 {
		w.update(in, func() { in.Spec.IngressClassName = new("mine") })
		w.settle(s)
	}
	if got := w.ingressOf(s); got.UID != in.UID || className(got) != "other" {
		t.Errorf("class %s, another Ingress: %t", className(got), got.UID != in.UID)
	}
	deleted := slices.DeleteFunc(w.writes.take(), func(write string) bool { return !strings.HasPrefix(write, "DELETE") })
	if len(deleted) != 1 {
		t.Errorf("deletions %v, want one", deleted)
	}
}

// exposedAs asks for another class of an Ingress that has an address.
func (w *world) exposedAs(s *v1alpha1.SecuredMCPServer, class string) {
	w.t.Helper()
	w.makeExposed(s)
	w.ofClass(s, class)
}

// wantOther states that there is an Ingress of class other, and that its address is not
// the one of before.
func (w *world) wantOther(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.wantWhole(s)
	in := w.ingressOf(s)
	if className(in) != "other" || len(in.Status.LoadBalancer.Ingress) > 0 {
		w.t.Errorf("class %s, addresses %v", className(in), in.Status.LoadBalancer.Ingress)
	}
	if got := conditions(s)["Exposed"]; got != "False IngressPending" {
		w.t.Errorf("Exposed is %s", got)
	}
}

// createForAll creates what is of no namespace, and deletes it when the test ends.
func (w *world) createForAll(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		if err := w.person.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() {
			if err := w.person.Delete(context.Background(), o); err != nil {
				w.t.Error(err)
			}
		})
	}
}
