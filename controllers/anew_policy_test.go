package controllers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// trial is what the API server would make of an Ingress of the class of s; empty if it
// would take none.
func (w *world) trial(s *v1alpha1.SecuredMCPServer) *networkingv1.Ingress {
	w.t.Helper()
	in := strangersIngress()
	in.Namespace, in.Name = w.namespace, "trial"
	if class := s.Spec.Exposure.Ingress.ClassName; class != "" {
		in.Spec.IngressClassName = &class
	}
	if err := w.person.Create(w.t.Context(), in, client.DryRunAll); err != nil {
		return &networkingv1.Ingress{}
	}
	return in
}

// ingressesOf matches requests for the Ingresses of w.
func (w *world) ingressesOf(operations ...admissionv1.OperationType) *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace}},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: operations,
			Rule:       admissionv1.Rule{APIGroups: []string{"networking.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"ingresses"}},
		}}},
	}
}

// A route that works is not given up for one that the cluster does not take.
func TestAnIngressStaysWhereAnotherClassIsRefused(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	before := w.ingressOf(s)
	w.createForAll(&admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: w.ingressesOf(admissionv1.OperationAll),
			Validations:      []admissionv1.Validation{{Expression: `object.spec.ingressClassName != "other"`, Message: "not of this class"}},
		},
	}, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: w.namespace, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	})
	w.ofClass(s, "other")
	w.eventually("the policy is in force", func() bool { return className(w.trial(s)) == "" })
	w.settle(s)
	w.wantAnew(s, before, false, "nginx")
	w.wantConditions(s, "True Accepted", "True Available", "False IngressRejected", "True Enforced", "False IngressRejected")
	if got := message(s, "Exposed"); !strings.HasPrefix(got, "the API server refused Ingress: ") || !strings.Contains(got, "not of this class") {
		t.Errorf("Exposed says %s", got)
	}
	w.wantWrites("PATCH ingresses/a", "PATCH ingresses/a", "PATCH securedmcpservers/a/status", "PATCH serviceaccounts/a") // two passes try
}

// It counts the Ingress that has gone until its controller, which does not run here, has
// seen that.
func TestAQuotaThatIsLateIsAskedAgainSoon(t *testing.T) {
	w := newWorld(t)
	s := w.ready("a")
	ingresses := func(n string) corev1.ResourceList {
		return corev1.ResourceList{"count/ingresses.networking.k8s.io": resource.MustParse(n)}
	}
	quota := named(s, &corev1.ResourceQuota{})
	quota.Spec.Hard = ingresses("1")
	if err := w.person.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	w.updateStatus(quota, func() { quota.Status.Hard, quota.Status.Used = ingresses("1"), ingresses("1") })
	w.eventually("the quota is in force", func() bool { return className(w.trial(s)) == "" })
	before := w.ingressOf(s)
	w.ofClass(s, "other")
	if again := w.settle(s).RequeueAfter; again > 2*time.Second {
		t.Errorf("tried again in %s", again)
	}
	w.wantConditions(s, "True Accepted", "True Available", "False IngressRejected", "True Enforced", "False IngressRejected")
	w.updateStatus(quota, func() { quota.Status.Used = ingresses("0") })
	w.eventually("the quota is up to date", func() bool { return className(w.trial(s)) == "other" })
	w.settle(s)
	w.wantAnew(s, before, true, "other")
}

// insist has the API server give Ingresses a class of its own.
func (w *world) insist(s *v1alpha1.SecuredMCPServer, operations ...admissionv1.OperationType) {
	w.t.Helper()
	w.createForAll(&admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints:   w.ingressesOf(operations...),
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType:          admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{Expression: `Object{spec: Object.spec{ingressClassName: "insisted"}}`},
			}},
		},
	}, &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace}, Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: w.namespace},
	})
	w.eventually("the policy is in force", func() bool { return className(w.trial(s)) == "insisted" })
}

func TestAWebhookThatInsistsOnAClassHasNoIngressMadeAnewAgainAndAgain(t *testing.T) {
	tests := map[string]struct {
		operations []admissionv1.OperationType
		// class is what comes of it, and deletions how many there are.
		class     string
		deletions int
	}{
		"whenever it is written": {[]admissionv1.OperationType{admissionv1.Create, admissionv1.Update}, "insisted", 1},
		"when it is made":        {[]admissionv1.OperationType{admissionv1.Create}, "other", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.ready("a")
			w.insist(s, test.operations...)
			w.ofClass(s, "other")
			for range 3 {
				w.settle(s)
			}
			w.stop()
			writes := w.writes.take()
			w.operator = startOperator(t, w.network) // which remembers nothing
			for range 3 {
				w.settle(s)
			}
			if got := className(w.ingressOf(s)); got != test.class {
				t.Errorf("its class is %s, want %s", got, test.class)
			}
			deleted := slices.DeleteFunc(append(writes, w.writes.take()...), func(write string) bool { return !strings.HasPrefix(write, "DELETE") })
			if len(deleted) != test.deletions {
				t.Errorf("deletions %v, want %d", deleted, test.deletions)
			}
		})
	}
}
