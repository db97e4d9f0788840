package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/hack/demo/measure"
)

const (
	voidScope = "invoices:void"
	// enforceLimit is well above the 3 s that are aimed at: the figure is shown,
	// whatever it is.
	enforceLimit = 3 * time.Minute
)

// harmless voids an invoice that does not exist: it can be asked for again and
// again.
var harmless = map[string]any{"invoiceId": "INV-0", "reason": "to see whether it is allowed"}

// moveScope applies the same object with void_invoice behind a new scope, and
// asks each pod with the same token until it refuses.
func (s *story) moveScope(ctx context.Context) error {
	path, err := s.movedSample()
	if err != nil {
		return err
	}
	s.console.Say("the scope %s is declared, and void_invoice needs it in place of %s:", voidScope, writeScope)
	s.console.Verbatim("  scopes: [..., {name: " + voidScope + "}]\n  tools:  [..., {name: " + voidTool + ", scopes: [" + voidScope + "]}]")
	probe, err := s.probe(ctx)
	if err != nil {
		return err
	}
	replicas, err := s.openReplicas(ctx)
	if err != nil {
		return err
	}
	if _, err := s.until(ctx, replicas, probe, http.StatusOK); err != nil {
		return fmt.Errorf("before the change, every replica should let the token call %s: %w", voidTool, err)
	}
	s.console.Say("every replica lets the token call %s now", voidTool)
	return s.applyAndWatch(ctx, path, replicas, probe)
}

func (s *story) applyAndWatch(ctx context.Context, path string, replicas measure.Replicas, probe client.Probe) error {
	type outcome struct {
		moments []time.Time
		err     error
	}
	watched := make(chan outcome, 1)
	start := time.Now()
	go func() {
		moments, err := s.until(ctx, replicas, probe, http.StatusForbidden)
		watched <- outcome{moments, err}
	}()
	if err := s.kubectl(ctx, "apply", "-f", path); err != nil {
		return err
	}
	applied := time.Since(start)
	result := <-watched
	if result.err != nil {
		return advise(result.err, "see what the pods enforce: kubectl -n %s get smcp %s -o yaml, and GET /configz on port 9090 of each pod", billingNamespace, serverName)
	}
	rows := [][]string{{"kubectl apply came back after", seconds(applied), ""}}
	for i, replica := range replicas {
		took := result.moments[i].Sub(start)
		s.enforced = max(s.enforced, took)
		rows = append(rows, []string{"pod " + replica.Pod.Name + " refused after", seconds(took), "(" + seconds(took-applied) + " after that)"})
	}
	s.console.Say("measured from the start of kubectl apply until a pod, asked directly, answers 403:")
	s.console.Table(rows)
	if err := s.showRefusal(ctx, probe); err != nil {
		return err
	}
	return s.showSamePods(ctx, replicas)
}

// showRefusal asks once more, as clients do: through the Ingress.
func (s *story) showRefusal(ctx context.Context, probe client.Probe) error {
	answer, err := probe.CallTool(ctx, voidTool, harmless)
	if err != nil {
		return err
	}
	s.console.Say("the same token, through the Ingress:")
	s.console.Verbatim(fmt.Sprintf("< HTTP %d %s\n< WWW-Authenticate: %s", answer.Status, http.StatusText(answer.Status), answer.Challenge))
	if answer.Status != http.StatusForbidden || !strings.Contains(answer.Challenge, voidScope) {
		return fmt.Errorf("want 403 and %s in the challenge", voidScope)
	}
	return nil
}

// showSamePods shows that no pod was replaced and no container restarted.
func (s *story) showSamePods(ctx context.Context, before measure.Replicas) error {
	pods, err := s.cluster.Pods(ctx, serverKey)
	if err != nil {
		return err
	}
	now := map[types.UID]*corev1.Pod{}
	for i := range pods {
		now[pods[i].UID] = &pods[i]
	}
	rows := [][]string{{"POD", "UID", "RESTARTS"}}
	for _, replica := range before {
		pod, ok := now[replica.Pod.UID]
		if !ok || len(pods) != len(before) {
			return fmt.Errorf("pod %s was replaced", replica.Pod.Name)
		}
		if measure.Restarts(pod) != measure.Restarts(&replica.Pod) {
			return fmt.Errorf("a container of pod %s was restarted", pod.Name)
		}
		rows = append(rows, []string{pod.Name, string(pod.UID), fmt.Sprint(measure.Restarts(pod))})
	}
	s.console.Table(rows)
	s.console.Done("the same pods as before, and none was restarted")
	return nil
}

func (s *story) until(ctx context.Context, replicas measure.Replicas, probe client.Probe, status int) ([]time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, enforceLimit)
	defer cancel()
	return replicas.Until(ctx, probe, voidTool, harmless, func(a *client.Answer) bool { return a.Status == status })
}

// probe asks with the token that the client has by now.
func (s *story) probe(ctx context.Context) (client.Probe, error) {
	token, err := s.client.Token(ctx)
	if err != nil {
		return client.Probe{}, err
	}
	return client.Probe{
		Endpoint: s.endpoint(), Token: token,
		Transport: s.newTransport(),
	}, nil
}

// openReplicas opens tunnels to the pods, anew: they may be others by now.
func (s *story) openReplicas(ctx context.Context) (measure.Replicas, error) {
	s.replicas.Close()
	var err error
	s.replicas, err = measure.Open(ctx, s.cluster, serverKey)
	return s.replicas, err
}

// movedSample writes the sample with void_invoice behind the new scope.
func (s *story) movedSample() (string, error) {
	path, err := s.sample()
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(s.cluster.Project.Path(path))
	if err != nil {
		return "", err
	}
	moved, err := MoveScope(raw)
	if err != nil {
		return "", err
	}
	path = filepath.Join(s.folder(), "billing-tools-void.yaml")
	return s.relative(path), fixture.Write(path, moved)
}

// MoveScope puts void_invoice of the sample manifest behind a scope of its own.
func MoveScope(sample []byte) ([]byte, error) {
	var server v1alpha1.SecuredMCPServer
	if err := yaml.UnmarshalStrict(sample, &server); err != nil {
		return nil, fmt.Errorf("reading the sample: %w", err)
	}
	server.Spec.Scopes = append(server.Spec.Scopes, v1alpha1.Scope{Name: voidScope, Description: "Void invoices"})
	for i := range server.Spec.Tools {
		if server.Spec.Tools[i].Name == voidTool {
			server.Spec.Tools[i].Scopes = []string{voidScope}
			return yaml.Marshal(&server)
		}
	}
	return nil, errors.New("the sample has no tool " + voidTool)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
