//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
)

// dials numbers the pods that dial.
var dials atomic.Int32

// enforcer does for one namespace what a network plugin does for all: the one of
// the local cluster enforces nothing. It knows as much of NetworkPolicies as the
// operator uses.
type enforcer struct {
	namespace, table, rules string

	mu sync.Mutex
	// known are the pods that the rules in force were made with.
	known map[types.UID]bool
}

// enforceNetworkPolicies enforces those of the namespace until the test ends.
func enforceNetworkPolicies(t *testing.T, namespace string) *enforcer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := &enforcer{namespace: namespace, table: "policies_" + strings.ReplaceAll(namespace, "-", "_")}
	if err := e.enforce(ctx); err != nil {
		t.Fatalf("enforcing NetworkPolicies: %v", err)
	}
	var following sync.WaitGroup
	following.Go(func() {
		for ctx.Err() == nil {
			if err := e.enforce(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("enforcing NetworkPolicies: %v", err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		following.Wait()
		if err := nft(context.Background(), fmt.Sprintf("delete table bridge %[1]s\ndelete table ip %[1]s\n", e.table)); err != nil {
			t.Errorf("removing rules: %v", err)
		}
	})
	return e
}

func (e *enforcer) enforce(ctx context.Context) error {
	w, err := look(ctx)
	if err != nil {
		return err
	}
	rules, err := w.policyRules(ctx, e.namespace)
	if err != nil {
		return err
	}
	if rules != e.rules {
		if err := nft(ctx, tables(e.table, rules)); err != nil {
			return err
		}
		e.rules = rules
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = map[types.UID]bool{}
	for i := range w.all {
		e.known[w.all[i].UID] = w.all[i].Status.PodIP != ""
	}
	return nil
}

// knows tells whether the rules in force are those for a world with the pod.
func (e *enforcer) knows(pod *corev1.Pod) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known[pod.UID]
}

// tables replaces the rules: pods of one node meet at its bridge, and whoever
// comes by way of a Service at its router.
func tables(name, rules string) string {
	var out strings.Builder
	for _, family := range []string{"bridge", "ip"} {
		fmt.Fprintf(&out, "add table %[1]s %[2]s\ndelete table %[1]s %[2]s\ntable %[1]s %[2]s {\n chain forward {\n  type filter hook forward priority 0; policy accept;\n%[3]s }\n}\n", family, name, rules)
	}
	return out.String()
}

func nft(ctx context.Context, script string) error {
	cmd := exec.CommandContext(ctx, env.cluster.Project.Path("hack/cluster/node.sh"), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s\n%s", err, out, script)
	}
	return nil
}

// opening matches the first packet of a connection.
const opening = "tcp flags & (syn | ack) == syn"

func (w *crowd) policyRules(ctx context.Context, namespace string) (string, error) {
	var policies networkingv1.NetworkPolicyList
	if err := env.cluster.List(ctx, &policies, ctrlclient.InNamespace(namespace)); err != nil {
		return "", err
	}
	var out strings.Builder
	for i := range policies.Items {
		p := &policies.Items[i]
		for _, ip := range w.pods(namespace, &p.Spec.PodSelector, nil) {
			if slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
				for _, rule := range p.Spec.Ingress {
					out.WriteString(w.accept(namespace, "ip daddr "+ip, "ip saddr", rule.From, rule.Ports))
				}
				fmt.Fprintf(&out, "  ip daddr %s %s drop\n", ip, opening)
			}
			if slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
				for _, rule := range p.Spec.Egress {
					out.WriteString(w.accept(namespace, "ip saddr "+ip, "ip daddr", rule.To, rule.Ports))
				}
				fmt.Fprintf(&out, "  ip saddr %s %s drop\n  ip saddr %s meta l4proto udp drop\n", ip, opening, ip)
			}
		}
	}
	return out.String(), nil
}

// crowd is every pod and namespace there is.
type crowd struct {
	all        []corev1.Pod
	namespaces map[string]k8slabels.Set
}

func look(ctx context.Context) (*crowd, error) {
	var pods corev1.PodList
	var namespaces corev1.NamespaceList
	if err := env.cluster.List(ctx, &pods); err != nil {
		return nil, err
	}
	if err := env.cluster.List(ctx, &namespaces); err != nil {
		return nil, err
	}
	w := &crowd{all: pods.Items, namespaces: map[string]k8slabels.Set{}}
	for _, n := range namespaces.Items {
		w.namespaces[n.Name] = n.Labels
	}
	return w, nil
}

// pods returns the addresses of the pods that a peer of a policy selects.
func (w *crowd) pods(home string, podSelector, namespaceSelector *metav1.LabelSelector) []string {
	var out []string
	for _, p := range w.all {
		inside := p.Namespace == home
		if namespaceSelector != nil {
			inside = selects(namespaceSelector, w.namespaces[p.Namespace])
		}
		if inside && p.Status.PodIP != "" && !p.Spec.HostNetwork && (podSelector == nil || selects(podSelector, p.Labels)) {
			out = append(out, p.Status.PodIP)
		}
	}
	slices.Sort(out)
	return out
}

func selects(s *metav1.LabelSelector, set k8slabels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}

func (w *crowd) accept(home, target, end string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) string {
	among := ""
	if len(peers) > 0 {
		var addresses []string
		for _, peer := range peers {
			addresses = append(addresses, w.pods(home, peer.PodSelector, peer.NamespaceSelector)...)
		}
		if len(addresses) == 0 {
			return ""
		}
		slices.Sort(addresses)
		among = fmt.Sprintf(" %s { %s }", end, strings.Join(slices.Compact(addresses), ", "))
	}
	if len(ports) == 0 {
		return fmt.Sprintf("  %s%s accept\n", target, among)
	}
	var out strings.Builder
	for _, port := range ports {
		fmt.Fprintf(&out, "  %s%s %s dport %d accept\n", target, among, strings.ToLower(string(*port.Protocol)), port.Port.IntValue())
	}
	return out.String()
}
