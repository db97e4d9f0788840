package story

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/fixture"
)

// kubectl shows the command, runs it, and shows what it printed.
func (s *story) kubectl(ctx context.Context, args ...string) error {
	s.console.Command(commandLine("kubectl", args))
	out, err := s.cluster.Kubectl(ctx, args...)
	if err != nil {
		return err
	}
	s.console.Verbatim(out)
	return nil
}

// helm is kubectl for helm, whose notes are left out.
func (s *story) helm(ctx context.Context, args []string) error {
	s.console.Command(commandLine("helm", args))
	_, err := s.cluster.Helm(ctx, args...)
	return err
}

// apply writes the manifest to a file and has kubectl apply it.
func (s *story) apply(ctx context.Context, name string, manifest []byte) error {
	path := filepath.Join(s.folder(), name)
	if err := fixture.Write(path, manifest); err != nil {
		return err
	}
	args := []string{"apply", "--server-side", "-f", s.relative(path)}
	s.console.Command(commandLine("kubectl", args))
	_, err := s.cluster.Kubectl(ctx, args...)
	return err
}

func (s *story) rollout(ctx context.Context, deployment ctrlclient.ObjectKey) error {
	return s.console.Wait(ctx, deployment.Name+" is available", clusterLimit, func(ctx context.Context) (bool, string, error) {
		return s.cluster.RolledOut(ctx, deployment)
	})
}

// waitReady waits as "kubectl wait --for=condition=Ready" does, and can say
// meanwhile what it waits for.
func (s *story) waitReady(ctx context.Context) error {
	s.console.Command(commandLine("kubectl", []string{"-n", billingNamespace, "wait", "--for=condition=Ready", "smcp/" + serverName}))
	return s.console.Wait(ctx, "SecuredMCPServer "+serverName+" is Ready", clusterLimit, func(ctx context.Context) (bool, string, error) {
		server, err := s.cluster.Server(ctx, serverKey)
		if err != nil {
			return false, "", err
		}
		if !cluster.IsTrue(server, v1alpha1.ConditionReady) {
			return false, cluster.Conditions(server), nil
		}
		return s.cluster.RolledOut(ctx, serverKey)
	})
}

// waitReachable waits for the Ingress controller, which learns of the pods only
// after the operator has. Every attempt has a connection of its own: a proxy
// that is about to be replaced may keep an old one.
func (s *story) waitReachable(ctx context.Context) error {
	transport := s.newTransport()
	transport.DisableKeepAlives = true
	probe := client.Probe{Endpoint: s.endpoint(), Transport: transport}
	return s.console.Wait(ctx, "the Ingress leads to the server", clusterLimit, func(ctx context.Context) (bool, string, error) {
		answer, err := probe.Get(ctx, s.metadataURL())
		if err != nil {
			return false, err.Error(), nil
		}
		return answer.Status == http.StatusOK, fmt.Sprintf("it answers with status %d", answer.Status), nil
	})
}

func (s *story) newTransport() *http.Transport {
	return client.NewTransport(s.Domain, s.ingress, s.authority.Pool())
}

// commandLine is what a person would type.
func commandLine(name string, args []string) string {
	quoted := []string{name}
	for _, a := range args {
		if strings.ContainsAny(a, " {}*'\"\\") {
			a = "'" + a + "'"
		}
		quoted = append(quoted, a)
	}
	return strings.Join(quoted, " ")
}
