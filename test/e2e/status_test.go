//go:build e2e

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
)

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func TestAnUnknownScopeIsRefusedByTheAPIServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	err := s.tryApply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Tools[1].Scopes = []string{"invoices:delete"} })
	if err == nil {
		t.Fatal("want it refused")
	}
	for _, want := range []string{"spec.tools", "void_invoice needs", "invoices:delete", "declared:", readScope, writeScope} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q: %v", want, err)
		}
	}
}

func TestAnEditThatCannotBeServedLeavesTheOldConfiguration(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	token := s.token(readScope)
	good := s.manifest
	revision := s.waitFor("to be Ready", func(got *v1alpha1.SecuredMCPServer) bool { return cluster.IsTrue(got, v1alpha1.ConditionReady) }).Status.Revision

	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) {
		spec.RequiredScopes = []string{writeScope} // would lock the token out
		spec.Tools[0].InputSchema = runtime.RawExtension{Raw: []byte(`{"type":"object","properties":{"invoiceId":{"$ref":"#/$defs/invoice"}},"required":["invoiceId"]}`)}
	})
	message := s.waitCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
	if !strings.Contains(message, "spec.tools[0].inputSchema") {
		t.Errorf("the message does not say where: %s", message)
	}
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
	s.waitStatus(token, lookupTool, http.StatusOK)
	if got, err := env.cluster.Server(t.Context(), s.key); err != nil || got.Status.Revision != revision {
		t.Errorf("revision %s (%v), want %s to go on", got.Status.Revision, err, revision)
	}

	s.manifest = good
	s.apply()
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

func TestWithoutExposureTheServerIsClusterLocal(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Exposure = v1alpha1.Exposure{} })
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonClusterLocal)
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	s.waitGone(&networkingv1.Ingress{ObjectMeta: objectMeta(s.namespace, serverName)})
	s.waitStatus(s.token(readScope), lookupTool, http.StatusOK) // the pods go on
}

func TestAMissingCABundleIsSaidInTheKubeletsWords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	bundle := &corev1.ConfigMap{ObjectMeta: objectMeta(s.namespace, "issuer-ca")}
	if err := env.cluster.Get(t.Context(), ctrlclient.ObjectKeyFromObject(bundle), bundle); err != nil {
		t.Fatal(err)
	}
	if err := env.cluster.Delete(t.Context(), bundle); err != nil {
		t.Fatal(err)
	}
	s.apply()
	message := s.waitCondition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonCABundleMissing)
	if !strings.Contains(message, "issuer-ca") {
		t.Errorf("the message does not name the ConfigMap: %s", message)
	}
	if err := env.cluster.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: objectMeta(s.namespace, "issuer-ca"), Data: bundle.Data}); err != nil {
		t.Fatal(err)
	}
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

func TestTheOlderOfTwoServersWithOneResourceWins(t *testing.T) {
	t.Parallel()
	older := newServer(t).start()
	younger := newServer(t)
	younger.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Resource = older.manifest.Spec.Resource })
	message := younger.waitCondition(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonResourceConflict)
	if !strings.Contains(message, older.namespace+"/"+serverName) {
		t.Errorf("the message does not name the older one: %s", message)
	}
	older.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	if answer := older.call(older.token(readScope), lookupTool, "INV-2040"); answer.Status != http.StatusOK {
		t.Errorf("the older one answers %d", answer.Status)
	}

	if err := env.cluster.Delete(t.Context(), older.manifest.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	younger.waitCondition(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v1alpha1.ReasonAccepted)
}

func TestKubectlShowsWhatMatters(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	cases := map[string]struct {
		args []string
		want []string
	}{
		"the columns of get": {
			[]string{"get", "smcp"},
			[]string{"NAME", "READY", "REASON", "URL", "ENFORCED", "AGE", serverName, "True", "Ready", s.manifest.Spec.Resource, "2/2"},
		},
		"the columns of get -o wide": {
			[]string{"get", "securedmcpserver", serverName, "-o", "wide"},
			[]string{"ISSUER", "TOOLS", "REVISION", issuerURL},
		},
		"explain knows the fields": {
			[]string{"explain", "smcp.spec.tools.scopes"},
			[]string{"scopes", "are all needed to call the tool"},
		},
		"describe shows the conditions": {
			[]string{"describe", "smcp", serverName},
			[]string{"Accepted", "IssuerDiscovered", "Available", "Exposed", "Enforced", "Resource Metadata URL", "Revision"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := env.cluster.Kubectl(t.Context(), append([]string{"-n", s.namespace}, tc.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

// kubectl wait goes by metadata.generation and status.observedGeneration, too: it
// does not take the Ready of the spec before for that of the newest.
func TestKubectlWaitsForReady(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	wait := func(condition string) {
		t.Helper()
		args := []string{"-n", s.namespace, "wait", "--for=condition=" + condition, "--timeout=" + waitLimit.String(), "smcp/" + serverName}
		if out, err := env.cluster.Kubectl(t.Context(), args...); err != nil || !strings.Contains(out, "condition met") {
			t.Fatalf("kubectl wait for %s: %v: %s", condition, err, out)
		}
	}
	s.apply()
	wait("Ready")
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Scopes[0].Implies = []string{writeScope} }) // in a circle
	wait("Ready=False")
	wait("Stalled")
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Scopes[0].Implies = nil })
	wait("Ready")
	if got := s.server(); got.Status.ObservedGeneration != got.Generation {
		t.Errorf("Ready of generation %d, want %d", got.Status.ObservedGeneration, got.Generation)
	}
}

func (s *server) server() *v1alpha1.SecuredMCPServer {
	s.t.Helper()
	got, err := env.cluster.Server(s.t.Context(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

func TestTheStatusIsWhatThePodsServe(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	got, err := env.cluster.Server(t.Context(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{s.manifest.Spec.Resource, "https://" + s.host + "/.well-known/oauth-protected-resource/billing"}
	if diff := cmp.Diff(want, []string{got.Status.URL, got.Status.ResourceMetadataURL}); diff != "" {
		t.Errorf("url, resourceMetadataURL (-want +got):\n%s", diff)
	}
	s.eachReplica(func(revision string) {
		if revision != got.Status.Revision {
			t.Errorf("a pod enforces %s, status.revision is %s", revision, got.Status.Revision)
		}
	})
}

// The operator finds the issuer as the pods do: by name, and over TLS with the
// certificate authority of a ConfigMap.
func TestTheIssuerIsAskedAndSaidToBeRight(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	s.waitCondition(v1alpha1.ConditionIssuerDiscovered, metav1.ConditionTrue, v1alpha1.ReasonIssuerDiscovered)

	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Issuer += "/" })
	message := s.waitCondition(v1alpha1.ConditionIssuerDiscovered, metav1.ConditionFalse, v1alpha1.ReasonIssuerMismatch)
	if want := "it does not end with a slash, as spec.issuer does"; !strings.Contains(message, want) {
		t.Errorf("the message lacks %q: %s", want, message)
	}
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Issuer = strings.TrimSuffix(spec.Issuer, "/") })
	s.waitCondition(v1alpha1.ConditionIssuerDiscovered, metav1.ConditionTrue, v1alpha1.ReasonIssuerDiscovered)
	s.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

// What the operator says and what the pods say must not differ at any moment at
// which it says so, so the pods are asked right after.
func TestEnforcedIsTrueOfEveryPod(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	s.checkEnforced()
	before := s.revision()

	token := s.token(readScope, writeScope)
	s.apply(moveScope)
	s.waitCondition(v1alpha1.ConditionEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced)
	if answer := s.call(token, voidTool, noInvoiceID); answer.Status != http.StatusForbidden {
		t.Errorf("the status says that the new scope is enforced, and the server answers %d", answer.Status)
	}
	s.checkEnforced()
	if now := s.revision(); now == before {
		t.Errorf("revision %s, want another one after the change", now)
	}
}

// checkEnforced looks at the counts and asks every pod. Ready is True while one
// replica of two is still to come, and Enforced is of those that are ready.
func (s *server) checkEnforced() {
	s.t.Helper()
	got := s.waitFor("to be Ready with both replicas", func(got *v1alpha1.SecuredMCPServer) bool {
		return got.Status.ObservedGeneration == got.Generation && cluster.IsTrue(got, v1alpha1.ConditionReady) && got.Status.Replicas.Ready == 2
	})
	if diff := cmp.Diff(&v1alpha1.ReplicaCounts{Desired: 2, Ready: 2, Enforcing: 2}, got.Status.Replicas); diff != "" {
		s.t.Errorf("replicas (-want +got):\n%s", diff)
	}
	if got.Status.Enforced != "2/2" {
		s.t.Errorf("enforced is %q, want 2/2", got.Status.Enforced)
	}
	s.eachReplica(func(revision string) {
		if revision != got.Status.Revision {
			s.t.Errorf("a pod enforces %s, status.revision is %s and Enforced is True", revision, got.Status.Revision)
		}
	})
}

func (s *server) revision() string {
	s.t.Helper()
	got, err := env.cluster.Server(s.t.Context(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Status.Revision
}
