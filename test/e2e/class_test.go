//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/stranger"
)

// What nginx said of the Ingress holds no longer when another controller is to route it,
// and there may be none.
func TestAClassThatNobodyServesIsNotExposed(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	served := s.manifest
	unknown := s.askWithout(stranger.Route, s.probe(""), 2)
	s.waitMore(unknown)

	began := time.Now()
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Exposure.Ingress.ClassName = "nobody" })
	message := s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonIngressPending)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it takes %s to say that there is no route", took)
	}
	if want := "no ingress controller has given the Ingress an address; its class is nobody"; message != want {
		t.Errorf("message %q, want %q", message, want)
	}
	s.waitMore(unknown)
	ingress := new(networkingv1.Ingress)
	if err := env.cluster.Get(t.Context(), s.key, ingress); err != nil {
		t.Fatal(err)
	}
	if got := ingress.Status.LoadBalancer.Ingress; len(got) > 0 {
		t.Errorf("the Ingress has the address %v", got)
	}
	s.waitCondition(v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonIngressPending)

	s.manifest = served
	s.start()
	known := s.ask(s.token(readScope), 2)
	s.waitMore(known)
	s.checkOnly("a client with a token, in the end", known, http.StatusOK)
	s.waitMore(unknown)
	counts := unknown.close()
	s.checkHarmless("while there is no route", unknown)
	if counts[fmt.Sprint(http.StatusUnauthorized)] == 0 {
		t.Errorf("the door never said no: %v", counts)
	}
	t.Logf("a client without a token: %v", counts)
}
