package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers"
)

// The autoscaler writes the scale of the Deployment, and from then on the number
// of replicas is its own.
func TestTheAutoscalerDecidesTheReplicas(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas = new(int32(4))
	w.create(s)
	w.settle(s)
	replicas := func(want int32, why string) {
		t.Helper()
		d := named(s, &appsv1.Deployment{})
		w.read(d)
		if got := *d.Spec.Replicas; got != want {
			t.Errorf("%d replicas, want %d: %s", got, want, why)
		}
		w.seen(d)
	}

	w.update(s, func() {
		s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 9}
	})
	w.settle(s)
	if !w.exists(named(s, &autoscalingv2.HorizontalPodAutoscaler{})) {
		t.Fatal("there is no HorizontalPodAutoscaler")
	}
	replicas(4, "turning the autoscaler on changes nothing by itself")

	d := named(s, &appsv1.Deployment{})
	w.read(d)
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 7}}
	if err := w.person.SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	replicas(7, "the autoscaler said so")
	w.writes.take()
	w.settle(s)
	w.wantWrites("PATCH securedmcpservers/a/status") // which says how many there should be
	if got := s.Status.Replicas.Desired; got != 7 {
		t.Errorf("status wants %d replicas, want 7", got)
	}
	w.update(s, func() { s.Spec.Workload.Image = "registry.example.com/other:1" })
	w.settle(s)
	replicas(7, "another change of the Deployment leaves them alone")

	w.update(s, func() { s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = new(int32(3)), nil })
	w.settle(s)
	replicas(3, "without the autoscaler the spec decides")
	if w.exists(named(s, &autoscalingv2.HorizontalPodAutoscaler{})) {
		t.Error("the HorizontalPodAutoscaler is still there")
	}
}

func TestNoOneEditsTheAutoscalerByHand(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MinReplicas: 3, MaxReplicas: 9}
	w.create(s)
	w.settle(s)
	want := map[string]string{
		"spec.minReplicas":         `3`,
		"spec.maxReplicas":         `9`,
		"spec.scaleTargetRef.name": `"a"`,
		"spec.metrics[*].resource.target.averageUtilization": `70`,
	}
	edits := map[string]func(*autoscalingv2.HorizontalPodAutoscalerSpec){
		"more pods than were asked for":  func(h *autoscalingv2.HorizontalPodAutoscalerSpec) { h.MaxReplicas = 100 },
		"fewer pods than were asked for": func(h *autoscalingv2.HorizontalPodAutoscalerSpec) { h.MinReplicas = new(int32(1)) },
		"the pods of somebody else":      func(h *autoscalingv2.HorizontalPodAutoscalerSpec) { h.ScaleTargetRef.Name = "b" },
		"a load that nobody asked for": func(h *autoscalingv2.HorizontalPodAutoscalerSpec) {
			h.Metrics[0].Resource.Target.AverageUtilization = new(int32(5))
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			a := named(s, &autoscalingv2.HorizontalPodAutoscaler{})
			w.update(a, func() { edit(&a.Spec) })
			w.settle(s)
			w.wantFields(s, &autoscalingv2.HorizontalPodAutoscaler{}, want)
		})
	}
	t.Run("none", func(t *testing.T) {
		w := w.in(t)
		w.delete(named(s, &autoscalingv2.HorizontalPodAutoscaler{}))
		w.settle(s)
		w.wantFields(s, &autoscalingv2.HorizontalPodAutoscaler{}, want)
	})
}

// Kubernetes leaves a Deployment alone that is scaled to 0, its autoscaler or not.
func TestAnAutoscalerTakesOverFromZeroReplicas(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas = new(int32(0))
	w.create(s)
	w.settle(s)
	w.update(s, func() {
		s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MinReplicas: 3, MaxReplicas: 9}
	})
	w.settle(s)
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	if got := *d.Spec.Replicas; got != 3 {
		t.Errorf("%d replicas, want the autoscaler's least, 3", got)
	}
}

func TestAnAutoscalerThatDoesNothingIsTold(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 9}
	w.create(s)
	w.settle(s)
	w.makeAvailable(s)
	a := named(s, &autoscalingv2.HorizontalPodAutoscaler{})
	says := func(status corev1.ConditionStatus, reason string) {
		t.Helper()
		w.updateStatus(a, func() {
			a.Status.CurrentMetrics = []autoscalingv2.MetricStatus{}
			a.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: autoscalingv2.ScalingActive, Status: status, Reason: reason, Message: "of pod a-1"}}
		})
		w.settle(s)
	}
	says(corev1.ConditionFalse, "FailedGetResourceMetric")
	w.wantMessage(s, "Available", "2 of 2 replicas are available; the autoscaler does nothing (FailedGetResourceMetric): kubectl describe hpa a")
	if got := conditions(s)["Available"]; got != "True Available" {
		t.Errorf("Available is %s: the replicas are there", got)
	}
	says(corev1.ConditionTrue, "ValidMetricFound")
	w.wantMessage(s, "Available", "2 of 2 replicas are available")
}

func TestAnAutoscaledServerHasADisruptionBudget(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MinReplicas: 1, MaxReplicas: 9}
	w.create(s)
	w.settle(s)
	if !w.exists(named(s, &policyv1.PodDisruptionBudget{})) {
		t.Error("nine pods may run, and all may be evicted at once")
	}
}

func TestASinglePodHasNoDisruptionBudget(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.settle(s)
	budget := named(s, &policyv1.PodDisruptionBudget{})
	if !w.exists(budget) {
		t.Fatal("two replicas have no budget")
	}
	w.seen(budget)
	w.update(s, func() { s.Spec.Workload.Replicas = new(int32(1)) })
	w.settle(s)
	if w.exists(budget) {
		t.Error("one replica has a budget, which says nothing")
	}
}

// kubectl rollout restart writes an annotation of the pod template, and so do
// people who own the annotations that the spec does not name.
func TestARestartByHandIsRespected(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.PodAnnotations = map[string]string{"example.com/a": "1"}
	w.create(s)
	w.settle(s)
	d := named(s, &appsv1.Deployment{})
	w.update(d, func() { d.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] = "2026-01-02T03:04:05Z" })
	w.writes.take()
	w.settle(s)
	w.wantWrites()
	w.update(s, func() { s.Spec.Workload.PodAnnotations = map[string]string{"example.com/b": "2"} })
	w.settle(s)
	w.read(d)
	got := d.Spec.Template.Annotations
	if len(got) != 2 || got["example.com/b"] != "2" || got["kubectl.kubernetes.io/restartedAt"] == "" {
		t.Errorf("annotations %v, want example.com/b and the restart", got)
	}
}

func TestNoOneOpensTheNetworkPolicyByHand(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	w.create(s)
	w.settle(s)
	policy := named(s, &networkingv1.NetworkPolicy{})
	w.update(policy, func() { policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}} })
	w.settle(s)
	w.read(policy)
	if len(policy.Spec.Ingress) != 2 || len(policy.Spec.Ingress[0].Ports) != 1 {
		t.Errorf("rules %+v, want those of the operator", policy.Spec.Ingress)
	}
}

// What the policy objects to is not served: a host is withdrawn, and with an image
// what was served before goes on.
func TestTheClustersPolicyIsEnforced(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("elsewhere.example.com"))
	w.settle(s)
	w.wantConditions(s, "False HostNotAllowed", "True Available", "False HostNotAllowed", "True Enforced", "False HostNotAllowed")
	if w.exists(named(s, &networkingv1.Ingress{})) {
		t.Error("there is an Ingress for a host that is not allowed")
	}
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.settle(s)
	w.makeExposed(s)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.update(s, func() { s.Spec.Workload.Image = "evil.example/image:1" })
	w.settle(s)
	w.wantConditions(s, "False ImageNotAllowed", "True Available", "True Exposed", "True Enforced", "False ImageNotAllowed")
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != runtimeImage {
		t.Errorf("the pods run %s", got)
	}
}

// An administrator who tightens the policy, and one who revokes a scope, do not
// wait for one another.
func TestARevocationDoesNotWaitForAnImageThatIsAllowed(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	s.Spec.Workload.Image = "evil.example/image:1"
	w.serve(s, "1")
	before := s.Status.Revision
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	w.settle(s)
	w.writes.take()
	w.update(s, func() { s.Spec.RequiredScopes, s.Spec.Workload.Replicas = nil, new(int32(1)) })
	w.settle(s)
	w.wantConditions(s, "False ImageNotAllowed", "True Available", "True Exposed", "True Enforced", "False ImageNotAllowed")
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH securedmcpservers/a/status")
	if s.Status.Revision == before {
		t.Error("the revocation is not served")
	}

	t.Run("unless the configuration needs a file that the pods do not have", func(t *testing.T) {
		w := w.in(t)
		w.writes.take()
		w.update(s, func() { s.Spec.Tokens.CABundleRef = &v1alpha1.ConfigMapKeyRef{Name: "another-ca"} })
		w.settle(s)
		w.wantWrites("PATCH securedmcpservers/a/status")
	})
	t.Run("unless it comes with another URL, which nothing routes", func(t *testing.T) {
		w := w.in(t)
		w.update(s, func() { s.Spec.Resource += "/elsewhere" })
		w.settle(s)
		w.wantWrites("PATCH securedmcpservers/a/status")
	})
}

// Nobody comes by a route any more, and pods of the cluster still reach the Service.
func TestARevocationDoesNotWaitForAURLThatMayBeRouted(t *testing.T) {
	for name, test := range map[string]struct {
		lose func(w *world, older, s *v1alpha1.SecuredMCPServer)
		why  string
	}{
		"the host is not allowed": {func(w *world, _, _ *v1alpha1.SecuredMCPServer) {
			w.stop()
			w.operator = startOperatorWith(t, w.network, allowing("elsewhere.example.com"))
		}, "False HostNotAllowed"},
		"an older server has it": {func(w *world, older, s *v1alpha1.SecuredMCPServer) {
			w.update(older, func() { older.Spec.Resource = s.Spec.Resource })
		}, "False ResourceConflict"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			older, s := w.ready("a"), w.ready("b")
			test.lose(w, older, s)
			w.settle(s)
			w.wantConditions(s, test.why, "True Available", test.why, "True Enforced", test.why)
			w.writes.take()
			before := s.Status.Revision
			w.update(s, func() { s.Spec.RequiredScopes, s.Spec.Workload.Replicas = nil, new(int32(1)) })
			w.settle(s)
			w.wantWrites("PATCH configmaps/b", "PATCH pods/b-1", "PATCH pods/b-2", "PATCH securedmcpservers/b/status")
			w.wantConditions(s, test.why, "True Available", test.why, "True Enforced", test.why)
			if s.Status.Revision == before {
				t.Error("the revocation is not served")
			}
		})
	}
}

// The status waits while pods are told, and has the URL of before until it is written.
func TestPodsAreNotGivenAURLOfBeforeThatIsAnothers(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(w *world, older, s *v1alpha1.SecuredMCPServer)
		why    string
	}{
		"an older server has it": {func(w *world, older, s *v1alpha1.SecuredMCPServer) {
			w.update(older, func() { older.Spec.Resource = s.Spec.Resource })
		}, "False ResourceConflict"},
		"the image is not allowed": {func(w *world, _, s *v1alpha1.SecuredMCPServer) {
			w.update(s, func() { s.Spec.Workload.Image = "evil.example/image:1" })
		}, "False ImageNotAllowed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.stop()
			w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
			older, s := w.ready("a"), w.ready("b")
			before := s.Spec.Resource
			w.update(s, func() { s.Spec.Resource += "/elsewhere" })
			w.settlePass(s)
			w.wantWrites("PATCH configmaps/b", "PATCH ingresses/b", "PATCH pods/b-1", "PATCH pods/b-2")
			w.update(s, func() { s.Spec.Resource = before })
			test.refuse(w, older, s)
			w.settle(s)
			if want := before + "/elsewhere"; s.Status.URL != want {
				t.Errorf("pods are given %s, want %s", s.Status.URL, want)
			}
			w.wantConditions(s, test.why, "True Available", "True Exposed", "True Enforced", test.why)
		})
	}
}

// Whoever claims a host that is another namespace's, and did so first, keeps it
// from nobody.
func TestAHostThatIsNotAllowedIsNotClaimed(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	first, second := w.server("a"), other.server("a")
	first.Spec.Resource = second.Spec.Resource
	w.create(first)
	w.seen(first)
	other.stop()
	other.operator = startOperatorWith(t, other.network, controllers.Policy{
		AllowedHosts: map[string][]string{other.namespace: {"*"}, w.namespace: {"mine.example.com"}},
	})
	other.create(second)
	other.settle(second)
	if got := conditions(second)["Accepted"]; got != "True Accepted" {
		t.Errorf("Accepted is %s: %s", got, message(second, "Accepted"))
	}
	other.settle(first)
	if got := conditions(first)["Accepted"]; got != "False HostNotAllowed" {
		t.Errorf("Accepted of the older is %s, want False HostNotAllowed", got)
	}
}

// A host that is mistyped, or another's, takes no claim away to what is served
// meanwhile by a host that is allowed: the route to that stays.
func TestWhatIsServedIsClaimedWhateverHostIsAskedFor(t *testing.T) {
	w := newWorld(t)
	older, younger := w.ready("a"), w.server("b")
	younger.Spec.Resource = older.Spec.Resource
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing(w.namespace+".example.com"))
	w.update(older, func() { older.Spec.Resource = "https://mistyped.example.com/a" })
	w.settle(older)
	w.wantConditions(older, "False HostNotAllowed", "True Available", "True Exposed", "True Enforced", "False HostNotAllowed")
	w.create(younger)
	w.settle(younger)
	w.wantConditions(younger, "False ResourceConflict", "False NotDeployed", "False ResourceConflict", "False NotDeployed", "False ResourceConflict")
	w.wantMessage(younger, "Accepted", fmt.Sprintf("spec.resource %s is what the older SecuredMCPServer %s/a still serves, as %[1]s, since its newest spec is not accepted; "+
		"want another resource here, or that one mended or deleted", younger.Spec.Resource, w.namespace))

	t.Run("until its host is not allowed either", func(t *testing.T) {
		w := w.in(t)
		w.stop()
		w.operator = startOperatorWith(t, w.network, controllers.Policy{AllowedHosts: map[string][]string{"another": {"*"}}})
		w.settle(older)
		w.wantConditions(older, "False HostNotAllowed", "True Available", "False HostNotAllowed", "True Enforced", "False HostNotAllowed")
	})
}

// An annotation can route another host to the server, so it counts as one.
func TestAnnotationsThatAreNotAllowedGoAsHostsDo(t *testing.T) {
	const alias = "nginx.ingress.kubernetes.io/server-alias"
	w := newWorld(t)
	s := w.ready("a")
	ingress := named(s, &networkingv1.Ingress{})
	restart := func(w *world, policy controllers.Policy) {
		w.stop()
		w.operator = startOperatorWith(t, w.network, policy)
	}
	restart(w, allowing("*.example.com"))
	w.update(s, func() { s.Spec.Exposure.Ingress.Annotations = map[string]string{alias: "other.example.com"} })
	w.settle(s)
	w.wantConditions(s, "False AnnotationNotAllowed", "True Available", "True Exposed", "True Enforced", "False AnnotationNotAllowed")
	w.wantMessage(s, "Accepted", "spec.exposure.ingress.annotations: "+alias+": not allowed; allowed: nginx.ingress.kubernetes.io/limit-connections, "+
		"nginx.ingress.kubernetes.io/limit-rpm, nginx.ingress.kubernetes.io/limit-rps, nginx.ingress.kubernetes.io/proxy-connect-timeout, "+
		"nginx.ingress.kubernetes.io/proxy-read-timeout, nginx.ingress.kubernetes.io/proxy-send-timeout (the operator's --allowed-ingress-annotations)")
	w.read(ingress)
	if value, there := ingress.Annotations[alias]; there {
		t.Errorf("the Ingress serves %s too", value)
	}

	restart(w, controllers.Policy{})
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	// Whatever an administrator allowed before counts no more, and others' annotations never do.
	w.update(ingress, func() { ingress.Annotations["controller.example.com/id"] = "1" })
	restart(w, allowing("*.example.com"))
	w.settle(s)
	w.wantConditions(s, "False AnnotationNotAllowed", "True Available", "False AnnotationNotAllowed", "True Enforced", "False AnnotationNotAllowed")
	if w.exists(ingress) {
		t.Error("there is an Ingress with an annotation that is not allowed")
	}
	w.writes.take()
	w.settle(s)
	w.wantWrites()

	w.update(s, func() { s.Spec.Exposure.Ingress.Annotations = nil })
	w.settle(s)
	w.makeExposed(s)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// The annotation that the operator itself puts on the Ingress needs no leave.
func TestAnInvalidEditKeepsAnIngressWithOurOwnAnnotation(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
	s := w.server("a")
	s.Spec.Workload.Image = ""
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pods"}
	w.create(s)
	w.settle(s)
	ingress := named(s, &networkingv1.Ingress{})
	w.read(ingress)
	if len(ingress.Annotations) != 1 {
		t.Fatalf("annotations %v, want one", ingress.Annotations)
	}
	w.update(s, func() { s.Spec.Scopes[0].Implies = []string{"invoices:write"} })
	w.reconcile(s) //nolint:errcheck // terminal
	if !w.exists(ingress) {
		t.Errorf("the Ingress is gone: %s", message(s, "Exposed"))
	}
}

func TestPodsKeepWhatTheyHadWhenMoreIsNotAllowed(t *testing.T) {
	changes := map[string]struct {
		change func(*v1alpha1.Workload)
		want   string
	}{
		"an annotation": {func(w *v1alpha1.Workload) { w.PodAnnotations = map[string]string{"k8s.v1.cni.cncf.io/networks": "x"} }, "False AnnotationNotAllowed"},
		"a label":       {func(w *v1alpha1.Workload) { w.PodLabels = map[string]string{"app": "payments"} }, "False LabelNotAllowed"},
	}
	for name, test := range changes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.ready("a")
			w.stop()
			w.operator = startOperatorWith(t, w.network, allowing("*.example.com"))
			d := named(s, &appsv1.Deployment{})
			w.read(d)
			before := d.Generation
			w.update(s, func() { test.change(&s.Spec.Workload) })
			w.settle(s)
			w.wantConditions(s, test.want, "True Available", "True Exposed", "True Enforced", test.want)
			if w.read(d); d.Generation != before {
				t.Errorf("the Deployment was changed: labels %v, annotations %v", d.Spec.Template.Labels, d.Spec.Template.Annotations)
			}
		})
	}
}

func allowing(host string) controllers.Policy {
	return controllers.Policy{
		AllowedHosts:         map[string][]string{controllers.AnyNamespace: {host}},
		AllowedImagePrefixes: []string{"registry.example.com/"},
	}
}

// Somebody edits the configuration, and nobody can put it right. The status is written
// all the same, and claims nothing of what pods are given.
func TestTheStatusIsWrittenWhateverSomebodyPutsInTheConfigMap(t *testing.T) {
	for name, raw := range map[string]string{
		"no JSON":           "{",
		"nothing":           "{}",
		"no URL":            `{"resource":"\u0001"}`,
		"a URL without end": `{"resource":"https://` + strings.Repeat("a", 5000) + `"}`,
		"too many tools":    `{"resource":"https://mcp.example.com","tools":[{}` + strings.Repeat(",{}", 256) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newNarrowWorld(t)
			s := w.ready("a")
			cm := named(s, &corev1.ConfigMap{})
			w.update(cm, func() { cm.Data["config.json"] = raw })
			w.writes.fail("PATCH configmaps/a")
			w.reconciler.LoseHope(client.ObjectKeyFromObject(s))
			_ = w.attempt(s) // which fails
			w.wantConditions(s, "True Accepted", "False ChildRejected", "True Exposed", "False NotDeployed", "False ChildRejected")
			if s.Status.URL != "" || s.Status.Revision != "" {
				t.Errorf("status has URL %q and revision %q", s.Status.URL, s.Status.Revision)
			}
		})
	}
}
