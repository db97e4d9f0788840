//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
)

// beside is another server in the namespace and on the host of s.
func (s *server) beside(name, path string) *server {
	other := *s
	other.key = ctrlclient.ObjectKey{Namespace: s.namespace, Name: name}
	other.manifest = s.sample()
	other.manifest.Name = name
	other.manifest.Spec.Resource = "https://" + s.host + path
	return &other
}

// list asks for the tools, and returns what came back.
func (s *server) list(token string) *client.Answer {
	s.t.Helper()
	answer, err := s.probe(token).ListTools(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// metadataNames returns the resource that the metadata behind path names.
func (s *server) metadataNames(path string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://"+s.host+"/.well-known/oauth-protected-resource"+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var metadata struct {
		Resource string `json:"resource"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&metadata); err != nil {
		s.t.Fatalf("metadata, status %d: %v", resp.StatusCode, err)
	}
	return metadata.Resource
}

func TestServersShareAHost(t *testing.T) {
	t.Parallel()
	first := newServer(t).start()
	second := first.beside("stock-tools", "/stock").start()
	paths := map[*server]string{first: "/billing", second: "/stock"}
	for s, path := range paths {
		if got := s.metadataNames(path); got != s.manifest.Spec.Resource {
			t.Errorf("the metadata of %s names %q", s.manifest.Spec.Resource, got)
		}
		for other := range paths {
			want := http.StatusUnauthorized
			if other == s {
				want = http.StatusOK
			}
			if got := s.list(other.token(readScope)).Status; got != want {
				t.Errorf("%s answers a token for %s with %d, want %d", s.manifest.Spec.Resource, other.manifest.Spec.Resource, got, want)
			}
		}
	}
	if err := env.cluster.Delete(t.Context(), &v1alpha1.SecuredMCPServer{ObjectMeta: objectMeta(second.key.Namespace, second.key.Name)}); err != nil {
		t.Fatal(err)
	}
	second.wait("the second server to be gone", func(ctx context.Context) (bool, string, error) {
		answer, err := second.probe("").ListTools(ctx)
		if err != nil {
			return false, err.Error(), nil
		}
		return answer.Status == http.StatusNotFound, http.StatusText(answer.Status), nil
	})
	if got := first.list(first.token(readScope)).Status; got != http.StatusOK {
		t.Errorf("without the second server, the first answers with %d", got)
	}
}
