//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
)

// Who may connect to which port of the pods, with the policies enforced.
func TestOnlyThoseGetInWhomThePolicyNames(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	stranger := newNamespace(t)
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.Exposure.From = []v1alpha1.Peer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"client": "yes"}}}}
	})
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	enforcer := enforceNetworkPolicies(t, s.namespace)

	pod := s.pod()
	public, admin := pod.Status.PodIP+":8080", pod.Status.PodIP+":9090"
	client := map[string]string{"client": "yes"}
	tests := map[string]struct {
		namespace string
		labels    map[string]string
		address   string
		want      string
	}{
		"a client at the public port":              {s.namespace, client, public, "open"},
		"a client at the admin port":               {s.namespace, client, admin, "closed"},
		"a neighbour at the public port":           {s.namespace, nil, public, "closed"},
		"another namespace's client":               {stranger, client, public, "closed"},
		"another namespace at the admin port":      {stranger, nil, admin, "closed"},
		"the operator's namespace, the admin port": {cluster.OperatorNamespace, nil, admin, "open"},
		"the operator's namespace, public port":    {cluster.OperatorNamespace, nil, public, "closed"},
		"a monitoring namespace, the admin port":   {monitoringNamespace, nil, admin, "open"},
		"a monitoring namespace, the public port":  {monitoringNamespace, nil, public, "closed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enforcer.wantDial(t, test.namespace, test.labels, test.address, test.want)
		})
	}
}

// Without exposure.from everyone is a client, and nobody more than that.
func TestThePublicPortIsOpenToAllUnlessThePolicySaysWhose(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	stranger := newNamespace(t)
	enforcer := enforceNetworkPolicies(t, s.namespace)
	pod := s.pod()
	for _, from := range []string{s.namespace, stranger} {
		enforcer.wantDial(t, from, nil, pod.Status.PodIP+":8080", "open")
		enforcer.wantDial(t, from, nil, pod.Status.PodIP+":9090", "closed")
	}
}

// wantDial states whether a connection is open or closed to a pod that the
// policies have been enforced for.
func (e *enforcer) wantDial(t *testing.T, namespace string, labels map[string]string, address, want string) {
	t.Helper()
	job := cluster.Job{Namespace: namespace, Name: fmt.Sprintf("dial-%d", dials.Add(1)), Image: env.billingImage, Labels: labels, Limit: waitLimit}
	pod, err := env.cluster.StartPod(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := env.cluster.RemovePod(t.Context(), pod); err != nil {
			t.Error(err)
		}
	}()
	known := func(context.Context) (bool, string, error) { return e.knows(pod), "", nil }
	if err := wait(t.Context(), "the rules to know pod "+pod.Name, known); err != nil {
		t.Fatal(err)
	}
	out, err := env.cluster.Kubectl(t.Context(), "exec", "-n", namespace, pod.Name, "--", "/billing", "--dial", address)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.TrimSpace(out); got != want {
		t.Errorf("%s from %s is %s, want %s", address, namespace, got, want)
	}
}

// A pod with declared egress reaches its issuer and its upstream, or the call
// would not be answered, and nothing beside them.
func TestDeclaredEgressIsAllThereIs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Workload.Egress = v1alpha1.EgressDeclared })
	enforcer := enforceNetworkPolicies(t, s.namespace)
	s.start()
	if answer := s.call(s.token(readScope), lookupTool, "INV-2041"); answer.Status != http.StatusOK {
		t.Errorf("status %d, want 200: issuer and upstream are declared", answer.Status)
	}

	other := newServer(t).start()
	target := other.pod().Status.PodIP + ":8080"
	// A pod with the labels of the server's pods is under the same policy.
	labels := s.pod().Labels
	delete(labels, appsv1.DefaultDeploymentUniqueLabelKey) // or the ReplicaSet would adopt it
	enforcer.wantDial(t, s.namespace, labels, target, "closed")
	enforcer.wantDial(t, other.namespace, nil, target, "open") // or closed would prove nothing
}

// pod is one of the server's.
func (s *server) pod() *corev1.Pod {
	s.t.Helper()
	pods, err := env.cluster.Pods(s.t.Context(), s.key)
	if err != nil || len(pods) == 0 {
		s.t.Fatalf("%d pods, %v", len(pods), err)
	}
	return &pods[0]
}
