package desired

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// dnsPorts are where DNS is asked, and where DNS servers that may not bind low ports
// listen behind their Service, as OpenShift's do.
var dnsPorts = []int32{53, 5353}

// NetworkPolicy lets in the public port, from everyone or from
// spec.exposure.from, and the admin port from the operator's and the monitoring
// namespaces. Nothing else gets in. Probes need no rule: a node always reaches
// its own pods.
func NetworkPolicy(s *v1alpha1.SecuredMCPServer, p Platform) *networkingv1ac.NetworkPolicyApplyConfiguration {
	spec := networkingv1ac.NetworkPolicySpec().
		WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(Ours(s))).
		WithPolicyTypes(networkingv1.PolicyTypeIngress).
		WithIngress(networkingv1ac.NetworkPolicyIngressRule().
			WithPorts(tcp(publicPort(s).container)).
			WithFrom(peers(s.Spec.Exposure.From)...))
	if admins := namespaces(append([]string{p.OperatorNamespace}, p.MonitoringNamespaces...)); len(admins) > 0 {
		// A rule without peers would let everyone in.
		spec.WithIngress(networkingv1ac.NetworkPolicyIngressRule().
			WithPorts(tcp(adminPort)).
			WithFrom(admins...))
	}
	if s.Spec.Workload.Egress == v1alpha1.EgressDeclared {
		spec.WithPolicyTypes(networkingv1.PolicyTypeEgress).WithEgress(egress(s, p)...)
	}
	return networkingv1ac.NetworkPolicy(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(spec)
}

// egress is DNS, and what the spec names. Ports of Services are not those of the
// pods behind them, which is where NetworkPolicies look, so a namespace is
// allowed as a whole.
func egress(s *v1alpha1.SecuredMCPServer, p Platform) []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	rules := []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{dns(p.DNSNamespaces)}
	var within []string
	for _, target := range render.Destinations(s) {
		if namespace, ok := p.Cluster.ServiceNamespace(target.URL, s.Namespace); ok {
			within = append(within, namespace)
		} else {
			rules = append(rules, networkingv1ac.NetworkPolicyEgressRule().WithPorts(tcp(render.Port(target.URL))))
		}
	}
	if to := namespaces(within); len(to) > 0 {
		rules = append(rules, networkingv1ac.NetworkPolicyEgressRule().WithTo(to...))
	}
	return rules
}

// dns allows the DNS servers in these namespaces, or any address at port 53 if none are
// named. The other port is not open to the world: nobody said that DNS is there.
func dns(servers []string) *networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	ports := dnsPorts
	if len(servers) == 0 {
		ports = ports[:1]
	}
	rule := networkingv1ac.NetworkPolicyEgressRule().WithTo(namespaces(servers)...)
	for _, port := range ports {
		rule.WithPorts(tcp(port), udp(port))
	}
	return rule
}

func peers(in []v1alpha1.Peer) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	var out []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	for _, p := range in {
		peer := networkingv1ac.NetworkPolicyPeer()
		if p.NamespaceSelector != nil {
			peer.WithNamespaceSelector(as[metav1ac.LabelSelectorApplyConfiguration](p.NamespaceSelector))
		}
		if p.PodSelector != nil {
			peer.WithPodSelector(as[metav1ac.LabelSelectorApplyConfiguration](p.PodSelector))
		}
		out = append(out, peer)
	}
	return out
}

// namespaces are peers: every pod of these namespaces, each once.
func namespaces(names []string) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	names = slices.Clone(names)
	slices.Sort(names)
	var out []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	for _, name := range slices.Compact(names) {
		if name == "" {
			continue
		}
		out = append(out, networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(
			metav1ac.LabelSelector().WithMatchLabels(map[string]string{corev1.LabelMetadataName: name})))
	}
	return out
}

func tcp(port int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(port))
}

func udp(port int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(corev1.ProtocolUDP).WithPort(intstr.FromInt32(port))
}
