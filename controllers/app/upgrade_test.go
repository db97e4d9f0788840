package app_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// The definition is upgraded before the operator is. What that one does not know
// yet it neither trips over nor takes away.
func TestDefinitionIsUpgradedUnderARunningOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	op := s.startOperator(new(wire))
	var servers []*v1alpha1.SecuredMCPServer
	for i := range 5 {
		servers = append(servers, s.server(fmt.Sprintf("a%d", i)))
		s.create(servers[i])
	}
	crd := new(unstructured.Unstructured)
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName("securedmcpservers.securedmcp.dev")
	s.patch(crd, `[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/later", "value": {"type": "string"}}]`)
	for i, server := range servers {
		s.title(server, fmt.Sprint("after ", i))
	}
	for i, server := range servers {
		s.served(server, fmt.Sprint("after ", i))
	}

	newer := new(unstructured.Unstructured)
	newer.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SecuredMCPServer"))
	newer.SetName("a0")
	newer.SetNamespace("default")
	s.eventually("the field is served", func() bool {
		s.patch(newer, `[{"op": "add", "path": "/spec/later", "value": "x"}, {"op": "replace", "path": "/spec/title", "value": "with it"}]`)
		_, found, err := unstructured.NestedString(newer.Object, "spec", "later")
		return err == nil && found
	})
	s.served(servers[0], "with it")
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(newer), newer); err != nil {
		t.Fatal(err)
	}
	if later, _, err := unstructured.NestedString(newer.Object, "spec", "later"); later != "x" {
		t.Errorf("the field is %q (%v), want what was set", later, err)
	}
	op.stop()
	if err := op.end(t); err != nil {
		t.Errorf("the operator ended with %v", err)
	}
}

func (s *site) patch(o client.Object, patch string) {
	s.t.Helper()
	if err := s.Patch(s.t.Context(), o, client.RawPatch("application/json-patch+json", []byte(patch))); err != nil {
		s.t.Fatal(err)
	}
}
