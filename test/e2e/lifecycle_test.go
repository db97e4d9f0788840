//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/test/stranger"
)

const (
	definition  = "customresourcedefinitions.apiextensions.k8s.io/securedmcpservers.securedmcp.dev"
	futureField = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/futureField"
)

// patchDefinition makes one JSON patch to the CRD.
func patchDefinition(ctx context.Context, patch string) error {
	_, err := env.cluster.Kubectl(ctx, "patch", definition, "--type", "json", "--patch", "["+patch+"]")
	return err
}

// waitExplained waits until the API server serves, or no longer serves, the field
// of the next version.
func (s *server) waitExplained(want bool) {
	s.t.Helper()
	s.wait(fmt.Sprintf("the next version's field to be served: %v", want), func(ctx context.Context) (bool, string, error) {
		_, err := env.cluster.Kubectl(ctx, "explain", "securedmcpservers.spec.futureField")
		return (err == nil) == want, fmt.Sprint(err), nil
	})
}

// The CRD of the next version comes before its operator, and goes after it. While
// it does, clients notice nothing, and what is changed is enforced. It is not
// parallel: every server has this CRD.
func TestTheCRDIsUpgradedAndPutBackWhileServersAnswer(t *testing.T) {
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	original := s.manifest

	if err := patchDefinition(t.Context(), `{"op": "add", "path": "`+futureField+`", "value": {"type": "string", "default": "of the next version"}}`); err != nil {
		t.Fatal(err)
	}
	upgraded := true
	t.Cleanup(func() {
		if upgraded {
			if err := patchDefinition(context.Background(), `{"op": "remove", "path": "`+futureField+`"}`); err != nil {
				t.Error(err)
			}
		}
	})
	s.waitExplained(true)
	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	s.checkEnforced()

	if err := patchDefinition(t.Context(), `{"op": "remove", "path": "`+futureField+`"}`); err != nil {
		t.Fatal(err)
	}
	upgraded = false
	s.waitExplained(false)
	s.manifest = original
	s.apply()
	s.waitStatus(token, voidTool, http.StatusOK)
	s.checkEnforced()
	s.checkNothingLost(known, unknown)
}

// A namespace ends in no order that anybody promises. Whatever goes first, a
// stranger is not let in, and in the end there is no route.
func TestANamespaceThatEndsLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	unknown := s.askWithout(stranger.Everything, s.probe(""), 2)
	s.waitMore(unknown)
	if _, err := env.cluster.Kubectl(t.Context(), "delete", "namespace", s.namespace, "--wait=false"); err != nil {
		t.Fatal(err)
	}
	s.wait("the namespace to be gone", func(ctx context.Context) (bool, string, error) {
		namespace := new(corev1.Namespace)
		err := env.cluster.Get(ctx, ctrlclient.ObjectKey{Name: s.namespace}, namespace)
		return apierrors.IsNotFound(err), fmt.Sprint(namespace.Status), ctrlclient.IgnoreNotFound(err)
	})
	// The certificate has gone with the route, so the proxy shows its own.
	s.wait("the route to be gone", func(ctx context.Context) (bool, string, error) {
		answer, err := s.probe("").ListTools(ctx)
		var another *tls.CertificateVerificationError
		if err != nil {
			return errors.As(err, &another), err.Error(), nil
		}
		return answer.Status == http.StatusNotFound, fmt.Sprint(answer.Status), nil
	})
	if counts := unknown.close(); counts["401"] == 0 {
		t.Errorf("the door never said no: %v", counts)
	}
	s.checkHarmless("while the namespace ends", unknown)
}
