package controllers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestInvalidEditKeepsTheLastAcceptedConfigServing(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	cm, d := named(s, &corev1.ConfigMap{}), named(s, &appsv1.Deployment{})
	w.read(cm)
	w.read(d)
	good, status := cm.DeepCopy(), s.Status.DeepCopy()

	moved := "https://moved." + w.namespace + ".example.com"
	// A cycle, which CEL does not see, together with edits that must not get through.
	w.update(s, func() {
		s.Spec.Scopes[0].Implies = []string{"invoices:write"}
		s.Spec.RequiredScopes = nil
		s.Spec.Resource = moved
		s.Spec.Workload.Replicas = new(int32(3))
		s.Spec.Tools = nil
	})
	_, err := w.reconcile(s)
	if !errors.Is(err, reconcile.TerminalError(nil)) {
		t.Errorf("error %v, want a terminal one: trying again does not help", err)
	}
	w.wantWrites("PATCH securedmcpservers/a/status")
	w.wantConditions(s, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
	want := "spec.scopes: implies forms a cycle: invoices:read -> invoices:write -> invoices:read"
	if got := message(s, "Accepted"); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if s.Status.Tools == nil || *s.Status.Tools == 0 {
		t.Error("status.tools does not count the tools that are served")
	}
	w.read(cm)
	if diff := cmp.Diff(good, cm); diff != "" {
		t.Errorf("ConfigMap (-last accepted +now):\n%s", diff)
	}
	if s.Status.Revision != status.Revision || s.Status.URL != status.URL {
		t.Errorf("status says revision %s at %s, want what is served: %s at %s", s.Status.Revision, s.Status.URL, status.Revision, status.URL)
	}

	t.Run("and further passes change nothing", func(t *testing.T) {
		w := w.in(t)
		w.reconcile(s) //nolint:errcheck // still terminal
		w.wantWrites()
	})
	t.Run("and the edit that mends it is served", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Scopes[0].Implies = nil })
		w.settle(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
		if s.Status.URL != moved || s.Status.Revision == status.Revision {
			t.Errorf("status says revision %s at %s, want the new ones", s.Status.Revision, s.Status.URL)
		}
	})
}

func TestNeverAcceptedServerHasNothing(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Scopes[0].Implies = []string{"invoices:write"}
	w.create(s)
	w.reconcile(s) //nolint:errcheck // the conditions say it
	w.wantWrites("PATCH securedmcpservers/a/status")
	w.wantConditions(s, "False InvalidSpec", "False NotDeployed", "False IngressPending", "False NotDeployed", "False InvalidSpec")
	if s.Status.Revision != "" || s.Status.URL != "" {
		t.Errorf("status says revision %q at %q, want none: nothing is served", s.Status.Revision, s.Status.URL)
	}
}

// CEL does not see it either: a tool asks for a login that the server keeps out.
func TestALoginThatNobodyCanHaveIsRefusedInWordsThatHelp(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Authentication = v1alpha1.Authentication{ACRValues: []string{"urn:pwd", "urn:mfa"}}
	s.Spec.Tools[0].Authentication = v1alpha1.Authentication{ACRValues: []string{"urn:hwk"}}
	w.create(s)
	w.reconcile(s) //nolint:errcheck // the conditions say it
	w.wantConditions(s, "False InvalidSpec", "False NotDeployed", "False IngressPending", "False NotDeployed", "False InvalidSpec")
	want := "spec.tools[0].authentication.acrValues: no login meets both these and the authentication.acrValues of the whole server; want at least one of urn:pwd, urn:mfa here"
	if got := message(s, "Accepted"); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	w.update(s, func() { s.Spec.Tools[0].Authentication.ACRValues = []string{"urn:hwk", "urn:mfa"} })
	w.settle(s)
	if got := conditions(s)["Accepted"]; got != "True Accepted" {
		t.Errorf("with one in common: %s: %s", got, message(s, "Accepted"))
	}
}

func TestObjectOfAnotherIsNeverOverwritten(t *testing.T) {
	// In the order in which they are applied: the stranger is met when it is the turn
	// of its kind, and from then on nothing is applied.
	strangers := []struct {
		kind     string
		object   client.Object
		write    string
		enforced string
	}{
		{"ConfigMap", &corev1.ConfigMap{Data: map[string]string{"config.json": "theirs"}}, "PATCH configmaps/a", "False NotDeployed"},
		{"ServiceAccount", &corev1.ServiceAccount{}, "PATCH serviceaccounts/a", "Unknown NoReadyReplicas"},
		{"Service", &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1234}}}}, "PATCH services/a", "Unknown NoReadyReplicas"},
		{"NetworkPolicy", &networkingv1.NetworkPolicy{}, "PATCH networkpolicies/a", "Unknown NoReadyReplicas"},
		{"Deployment", strangersDeployment(), "PATCH deployments/a", "Unknown NoReadyReplicas"},
	}
	for i, test := range strangers {
		kind := test.kind
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			stranger := named(s, test.object)
			met, left := []string{"PATCH securedmcpservers/a/status", test.write}, slices.Clone(allChildren)
			for _, before := range strangers[:i] {
				met = append(met, before.write)
				left = slices.DeleteFunc(left, func(write string) bool { return write == before.write })
			}
			w.create(stranger)
			before := essence(stranger)
			w.create(s)
			result := w.settle(s)
			slices.Sort(met)
			w.wantWrites(met...)
			w.wantConditions(s, "False NameConflict", "False NotDeployed", "False IngressPending", test.enforced, "False NameConflict")
			want := kind + " a exists and was not made by this operator; it is left alone; delete it, or give this SecuredMCPServer another name"
			if got := message(s, "Accepted"); got != want {
				t.Errorf("message %q, want %q", got, want)
			}
			if result.RequeueAfter != time.Minute {
				t.Errorf("looks again after %s, want a minute: no watch reports strangers", result.RequeueAfter)
			}
			w.read(stranger)
			if diff := cmp.Diff(before, essence(stranger)); diff != "" {
				t.Errorf("the stranger's object (-before +after):\n%s", diff)
			}
			w.settle(s)
			w.wantWrites()

			if err := w.person.Delete(t.Context(), stranger); err != nil {
				t.Fatal(err)
			}
			w.settle(s)
			w.wantWrites(left...)
			w.wantConditions(s, "True Accepted", "False Progressing", "False IngressPending", "Unknown NoReadyReplicas", "False Progressing")
		})
	}
}

// Nothing is between the look for a stranger and the apply: they are one request.
func TestObjectOfAnotherThatComesMeanwhileIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	stranger := named(s, &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1234}}}})
	var before client.Object
	came := w.writes.before("PATCH services/a", func() {
		if err := w.person.Create(t.Context(), stranger); err != nil {
			t.Error(err)
		}
		before = essence(stranger)
	})
	w.settle(s)
	if !came() {
		t.Fatal("the Service was not applied")
	}
	if got := conditions(s)["Accepted"]; got != "False NameConflict" {
		t.Errorf("Accepted %s: %s", got, message(s, "Accepted"))
	}
	w.read(stranger)
	if diff := cmp.Diff(before, essence(stranger)); diff != "" {
		t.Errorf("the stranger's object (-before +after):\n%s", diff)
	}
}

// Somebody who puts an object of the name there keeps no revocation from the pods.
func TestObjectOfAnotherInPlaceOfAnExtraIsReportedAndTheRestIsServed(t *testing.T) {
	const leftAlone = " a exists and was not made by this operator; it is left alone; delete it, or give this SecuredMCPServer another name"
	exposed := newWorld(t).server("a")
	autoscaled := func(s *v1alpha1.SecuredMCPServer) {
		s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 9}
	}
	tests := map[string]struct {
		stranger           client.Object
		change             func(*v1alpha1.SecuredMCPServer)
		available, exposed string
		condition          string
	}{
		"PodDisruptionBudget": {&policyv1.PodDisruptionBudget{}, func(*v1alpha1.SecuredMCPServer) {}, "False NameConflict", "True ClusterLocal", "Available"},
		"HorizontalPodAutoscaler": {&autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			MaxReplicas: 2, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "x"},
		}}, autoscaled, "False NameConflict", "True ClusterLocal", "Available"},
		"Ingress": {strangersIngress(), func(s *v1alpha1.SecuredMCPServer) {
			s.Spec.Exposure.Ingress = exposed.Spec.Exposure.Ingress
		}, "True Available", "False NameConflict", "Exposed"},
	}
	for kind, test := range tests {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			s := w.server("a")
			s.Spec.Exposure.Ingress, s.Spec.Workload.Replicas = nil, new(int32(1))
			w.create(s)
			w.settle(s)
			w.makeAvailable(s)
			w.runningPod(s, "1")
			w.settle(s)
			before := s.Status.Revision
			w.create(named(s, test.stranger))
			w.update(s, func() {
				s.Spec.RequiredScopes, s.Spec.Workload.Replicas = nil, nil
				test.change(s)
			})
			result := w.settle(s)
			w.wantConditions(s, "True Accepted", test.available, test.exposed, "True Enforced", "False NameConflict")
			w.wantMessage(s, test.condition, kind+leftAlone)
			if s.Status.Revision == before {
				t.Error("the edit is not served")
			}
			if result.RequeueAfter != time.Minute {
				t.Errorf("looks again after %s, want a minute: no watch reports strangers", result.RequeueAfter)
			}
		})
	}
}

func TestObjectOfAnotherControllerIsNamed(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	cm := named(s, &corev1.ConfigMap{})
	cm.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "other", UID: "1-2-3", Controller: new(true)}}
	w.create(cm)
	w.create(s)
	w.settle(s)
	if got, want := message(s, "Accepted"), "ConfigMap a exists and belongs to ReplicaSet other (uid 1-2-3)"; !strings.HasPrefix(got, want) {
		t.Errorf("message %q, want it to begin %q", got, want)
	}
}

// kubectl delete --cascade=orphan leaves children without owner behind, which
// the next server of the name takes over.
func TestChildrenThatAnEarlierServerLeftAreTakenOver(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	cm := named(s, &corev1.ConfigMap{})
	w.read(cm)
	uid := cm.UID
	if err := w.person.Delete(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{&corev1.ServiceAccount{}, cm, &corev1.Service{}, &appsv1.Deployment{}, &networkingv1.Ingress{}, &networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{}} {
		o := named(s, o)
		w.update(o, func() { o.SetOwnerReferences(nil) })
	}
	again := w.server("a")
	w.create(again)
	w.settle(again)
	w.wantConditions(again, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.read(cm)
	if cm.UID != uid || !metav1.IsControlledBy(cm, again) {
		t.Errorf("ConfigMap %s is owned by %v, want %s owned by the new server", cm.UID, cm.OwnerReferences, uid)
	}
}

func TestOfTwoServersWithOneResourceTheOlderWins(t *testing.T) {
	w := newWorld(t)
	first := w.ready("a")
	second := w.server("b")
	second.Spec.Resource = "HTTPS://" + strings.ToUpper(w.namespace) + ".example.com:443/a" // the same, in other letters
	w.create(second)
	w.settle(second)
	w.wantWrites("PATCH securedmcpservers/b/status")
	w.wantConditions(second, "False ResourceConflict", "False NotDeployed", "False ResourceConflict", "False NotDeployed", "False ResourceConflict")
	want := fmt.Sprintf("spec.resource %s belongs to the older SecuredMCPServer %s/a; want another resource here, or that one changed or deleted", second.Spec.Resource, w.namespace)
	if got := message(second, "Accepted"); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	w.settle(first)
	w.wantConditions(first, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")

	t.Run("and the younger takes over when the older goes", func(t *testing.T) {
		w := w.in(t)
		w.delete(first)
		w.settle(second)
		w.wantConditions(second, "True Accepted", "False Progressing", "False IngressPending", "Unknown NoReadyReplicas", "False Progressing")
	})
}

// Two Ingresses for one URL would leave it to the ingress controller who answers.
func TestServerThatLosesItsResourceLosesItsIngress(t *testing.T) {
	w := newWorld(t)
	older, younger := w.ready("a"), w.ready("b")
	ingress := named(younger, &networkingv1.Ingress{})
	resource := older.Spec.Resource
	w.update(older, func() { older.Spec.Resource = younger.Spec.Resource })
	w.settle(younger)
	w.wantWrites("DELETE ingresses/b", "PATCH securedmcpservers/b/status")
	if w.exists(ingress) {
		t.Error("the Ingress is still there")
	}
	w.wantConditions(younger, "False ResourceConflict", "True Available", "False ResourceConflict", "True Enforced", "False ResourceConflict")
	w.wantMessage(younger, "Exposed", fmt.Sprintf("there is no route for %s, which belongs to the older SecuredMCPServer %s/a", younger.Spec.Resource, w.namespace))
	if younger.Status.Revision == "" || !w.exists(named(younger, &appsv1.Deployment{})) {
		t.Error("the pods of the younger server were taken down")
	}
	w.settle(younger)
	w.wantWrites()

	t.Run("whatever else is wrong with it", func(t *testing.T) {
		w := w.in(t)
		w.update(younger, func() { younger.Spec.Scopes[0].Implies = []string{"invoices:write"} })
		w.reconcile(younger) //nolint:errcheck // terminal
		w.wantConditions(younger, "False InvalidSpec", "True Available", "False ResourceConflict", "True Enforced", "False InvalidSpec")
		w.update(younger, func() { younger.Spec.Scopes[0].Implies = nil })
	})
	t.Run("and has it back when the older one moves on", func(t *testing.T) {
		w := w.in(t)
		w.update(older, func() { older.Spec.Resource = resource })
		w.settle(younger)
		if !w.exists(ingress) {
			t.Error("there is no Ingress")
		}
		w.makeExposed(younger)
		w.settle(younger)
		w.wantConditions(younger, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	})
}

// What was accepted last is nobody else's, so it keeps being served.
func TestServerThatAsksForAnothersResourceKeepsItsOwn(t *testing.T) {
	w := newWorld(t)
	older, younger := w.ready("a"), w.ready("b")
	own := younger.Spec.Resource
	w.update(younger, func() { younger.Spec.Resource = older.Spec.Resource })
	w.settle(younger)
	w.wantWrites("PATCH securedmcpservers/b/status")
	w.wantConditions(younger, "False ResourceConflict", "True Available", "True Exposed", "True Enforced", "False ResourceConflict")
	w.wantMessage(younger, "Exposed", "the Ingress has an address; it routes what was accepted last: "+own)

	t.Run("though it asks for no Ingress any more", func(t *testing.T) {
		w := w.in(t)
		w.update(younger, func() { younger.Spec.Exposure.Ingress = nil })
		w.settle(younger)
		w.wantConditions(younger, "False ResourceConflict", "True Available", "True Exposed", "True Enforced", "False ResourceConflict")
		if !w.exists(named(younger, &networkingv1.Ingress{})) {
			t.Error("half of an edit that is not accepted was applied")
		}
	})
}

func TestOneIngressRouteHasOneServer(t *testing.T) {
	w := newWorld(t)
	first := w.ready("a")
	second := w.server("b")
	second.Spec.Resource = strings.Replace(first.Spec.Resource, ".example.com/", ".example.com:8443/", 1)
	w.create(second)
	w.settle(second)
	w.wantConditions(second, "False ResourceConflict", "False NotDeployed", "False ResourceConflict", "False NotDeployed", "False ResourceConflict")
	w.wantMessage(second, "Accepted", fmt.Sprintf("a route for spec.resource %s would take what belongs to the older SecuredMCPServer %s/a with %s: "+
		"routes cannot tell ports apart; want another host or path here, or that one changed or deleted", second.Spec.Resource, w.namespace, first.Spec.Resource))

	t.Run("but without an Ingress both can be had", func(t *testing.T) {
		w := w.in(t)
		w.update(second, func() { second.Spec.Exposure.Ingress = nil })
		w.settle(second)
		w.wantConditions(second, "True Accepted", "False Progressing", "True ClusterLocal", "Unknown NoReadyReplicas", "False Progressing")
	})
}

// An edit that is not accepted takes no route away, and nobody gets it meanwhile.
func TestARouteThatStaysIsNobodyElses(t *testing.T) {
	w := newWorld(t)
	older, younger := w.ready("a"), w.server("b")
	younger.Spec.Resource = strings.Replace(older.Spec.Resource, ".example.com/", ".example.com:8443/", 1)
	w.update(older, func() {
		older.Spec.Exposure.Ingress = nil
		older.Spec.Scopes[0].Implies = []string{"invoices:write"} // a cycle
	})
	w.create(younger)
	w.settle(younger)
	wantConflict := func(w *world) {
		w.t.Helper()
		w.settle(younger)
		w.wantConditions(younger, "False ResourceConflict", "False NotDeployed", "False ResourceConflict", "False NotDeployed", "False ResourceConflict")
		w.wantMessage(younger, "Accepted", fmt.Sprintf("a route for spec.resource %s would take what belongs to the older SecuredMCPServer %s/a with %s: "+
			"routes cannot tell ports apart; want another host or path here, or that one changed or deleted", younger.Spec.Resource, w.namespace, older.Spec.Resource))
	}
	wantConflict(w)
	w.reconcile(older) //nolint:errcheck // terminal
	w.wantConditions(older, "False InvalidSpec", "True Available", "True Exposed", "True Enforced", "False InvalidSpec")
	wantConflict(w)

	t.Run("until it goes", func(t *testing.T) {
		w := w.in(t)
		w.update(older, func() { older.Spec.Scopes[0].Implies = nil })
		w.settle(older)
		w.wantConditions(older, "True Accepted", "True Available", "True ClusterLocal", "True Enforced", "True Ready")
		w.settle(younger)
		w.wantConditions(younger, "True Accepted", "False Progressing", "False IngressPending", "Unknown NoReadyReplicas", "False Progressing")
	})
}

// What has no route keeps nobody from having one, whatever it asks for next.
func TestAServerWithoutARouteTakesNone(t *testing.T) {
	w := newWorld(t)
	older := w.server("a")
	older.Spec.Exposure.Ingress = nil
	w.create(older)
	w.settle(older)
	younger := w.server("b")
	younger.Spec.Resource = strings.Replace(older.Spec.Resource, ".example.com/", ".example.com:8443/", 1)
	w.create(younger)
	w.settle(younger)
	w.update(older, func() { older.Spec.Resource += "/moved" })
	for _, s := range []*v1alpha1.SecuredMCPServer{younger, older, younger} {
		w.settle(s)
		w.wantConditions(younger, "True Accepted", "False Progressing", "False IngressPending", "Unknown NoReadyReplicas", "False Progressing")
	}
}

func TestWhatTheAPIServerRefusesIsSaidInItsWords(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() {
		s.Spec.Title = "changed too"
		s.Spec.Workload.Resources.Requests = quantities("memory", "2Gi")
		s.Spec.Workload.Resources.Limits = quantities("memory", "1Gi")
	})
	result := w.settle(s)
	w.wantConditions(s, "True Accepted", "False ChildRejected", "True Exposed", "True Enforced", "False ChildRejected")
	want := `the API server refused Deployment: Deployment.apps "a" is invalid: spec.template.spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi`
	if got := message(s, "Available"); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if result.RequeueAfter != time.Minute {
		t.Errorf("tries again after %s, want a minute", result.RequeueAfter)
	}
	w.update(s, func() { s.Spec.Workload.Resources = v1alpha1.Resources{} })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

func TestRefusedIngressIsNotExposed(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.update(s, func() { s.Spec.Exposure.Ingress.Annotations = map[string]string{"not a key": "x"} })
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "False IngressRejected", "True Enforced", "False IngressRejected")
	if got := message(s, "Exposed"); !strings.Contains(got, `metadata.annotations: Invalid value: "not a key"`) {
		t.Errorf("message %q, want the API server's words", got)
	}
}

func strangersDeployment() *appsv1.Deployment {
	labels := map[string]string{"app": "theirs"}
	return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "theirs", Image: "theirs"}}},
		},
	}}
}

func strangersIngress() *networkingv1.Ingress {
	return &networkingv1.Ingress{Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
		Service: &networkingv1.IngressServiceBackend{Name: "theirs", Port: networkingv1.ServiceBackendPort{Number: 80}},
	}}}
}
