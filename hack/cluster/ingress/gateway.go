package ingress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// ControllerName is that of the GatewayClass ClassName.
	ControllerName = "securedmcp.dev/test-gateway"

	httpPort  = 80
	httpsPort = 443
)

// refusal is a condition that is False, and why.
type refusal struct{ kind, reason, message string }

func refuse(kind, reason, format string, args ...any) *refusal {
	return &refusal{kind, reason, fmt.Sprintf(format, args...)}
}

// attachRoutes says of every Gateway and HTTPRoute of ours what comes of it, in its status, and puts what is served
// among the snapshot's routed Ingresses: a route is served as the Ingress that says the same.
//
// A listener for HTTPS has the host redirected to https, which is more than Gateway API asks for: nginx listens on
// both ports for every host.
func (s *snapshot) attachRoutes(address string) {
	for _, c := range s.classes {
		judgeClass(c)
	}
	for _, g := range s.gateways {
		s.judgeGateway(g, address)
	}
	for _, r := range s.routes {
		s.forgetParents(r)
		for _, ref := range r.Spec.ParentRefs {
			if g := s.gateways[types.NamespacedName{Namespace: cmp.Or(ref.Namespace, r.Namespace), Name: ref.Name}]; g != nil && ref.Kind == "Gateway" {
				s.attach(r, ref, g)
			}
		}
	}
	for _, g := range s.gateways {
		for i := range g.Status.Listeners {
			g.Status.Listeners[i].AttachedRoutes = s.attached[listenerKey{g, g.Status.Listeners[i].Name}]
		}
	}
}

type listenerKey struct {
	gateway *gateway
	name    string
}

// attach has the listeners of g that take r serve it.
func (s *snapshot) attach(r *httpRoute, ref parentRef, g *gateway) {
	paths, backendRefusal, refused := s.translate(r)
	hosts := map[string][]string{} // by listener
	if refused == nil {
		hosts, refused = s.admit(r, ref, g)
	}
	s.judgeRoute(r, ref, refused, backendRefusal)
	if refused != nil {
		return
	}
	for _, l := range g.Spec.Listeners {
		if len(hosts[l.Name]) == 0 {
			continue
		}
		s.attached[listenerKey{g, l.Name}]++
		s.routed = append(s.routed, routedIngress(r, hosts[l.Name], paths))
		if l.Protocol == "HTTPS" {
			s.routed = append(s.routed, certificateIngress(g, l, hosts[l.Name]))
		}
	}
}

// admit tells the hosts of r that each of the listeners takes which ref means and which nginx can be.
func (s *snapshot) admit(r *httpRoute, ref parentRef, g *gateway) (map[string][]string, *refusal) {
	hosts := map[string][]string{}
	refused := refuse("Accepted", "NoMatchingParent", "the Gateway has no listener that parentRef means")
	for _, l := range g.Spec.Listeners {
		if (ref.SectionName != "" && ref.SectionName != l.Name) || (ref.Port != 0 && ref.Port != l.Port) {
			continue
		}
		if bad := s.judgeListener(g, l); bad != nil && bad.kind == "Accepted" {
			continue
		}
		if !allows(l, g.Namespace, r.Namespace) {
			refused = refuse("Accepted", "NotAllowedByListeners", "listener %s takes no routes of namespace %s", l.Name, r.Namespace)
			continue
		}
		if hosts[l.Name] = common(l.Hostname, r.Spec.Hostnames); len(hosts[l.Name]) == 0 {
			refused = refuse("Accepted", "NoMatchingListenerHostname", "listener %s is for %s", l.Name, l.Hostname)
		}
	}
	for _, h := range hosts {
		if len(h) > 0 {
			return hosts, nil
		}
	}
	return nil, refused
}

// allows knows the namespaces All and Same, which is the default; a selector selects none.
func allows(l listener, own, other string) bool {
	switch l.AllowedRoutes.Namespaces.From {
	case "All":
		return true
	case "Same", "":
		return own == other
	default:
		return false
	}
}

// common are the hosts that are both the listener's and the route's.
func common(listener string, route []string) []string {
	if len(route) == 0 {
		return []string{listener}
	}
	var out []string
	for _, host := range route {
		switch {
		case covers(listener, host):
			out = append(out, host)
		case covers(host, listener):
			out = append(out, listener)
		}
	}
	return sortedUnique(out)
}

func covers(pattern, host string) bool {
	domain, wildcard := strings.CutPrefix(pattern, "*")
	return pattern == "" || pattern == host || (wildcard && strings.HasSuffix(host, domain))
}

// translate gives the route's paths as an Ingress has them. A backend that cannot be had is served as 503 in the
// absence of the 500 that Gateway API wants.
func (s *snapshot) translate(r *httpRoute) (paths []networkingv1.HTTPIngressPath, backend, refused *refusal) {
	for _, rule := range r.Spec.Rules {
		if len(rule.Filters) > 0 || len(rule.BackendRefs) != 1 {
			return nil, nil, refuse("Accepted", "UnsupportedValue", "want rules without filters and with one backend")
		}
		to := rule.BackendRefs[0]
		backend = cmp.Or(backend, s.judgeBackend(r, to))
		matches, refused := pathsOf(rule)
		if refused != nil {
			return nil, nil, refused
		}
		for _, match := range matches {
			match.Backend.Service = &networkingv1.IngressServiceBackend{Name: to.Name, Port: networkingv1.ServiceBackendPort{Number: to.Port}}
			paths = append(paths, match)
		}
	}
	return paths, backend, nil
}

func pathsOf(rule routeRule) ([]networkingv1.HTTPIngressPath, *refusal) {
	if len(rule.Matches) == 0 {
		return []networkingv1.HTTPIngressPath{{Path: "/", PathType: new(networkingv1.PathTypePrefix)}}, nil
	}
	var out []networkingv1.HTTPIngressPath
	for _, m := range rule.Matches {
		kind := map[string]networkingv1.PathType{
			"": networkingv1.PathTypePrefix, "PathPrefix": networkingv1.PathTypePrefix, "Exact": networkingv1.PathTypeExact,
		}[m.Path.Type]
		if kind == "" || m.Method != "" || len(m.Headers) > 0 || len(m.QueryParams) > 0 {
			return nil, refuse("Accepted", "UnsupportedValue", "want matches of paths alone, Exact or PathPrefix")
		}
		out = append(out, networkingv1.HTTPIngressPath{Path: cmp.Or(m.Path.Value, "/"), PathType: &kind})
	}
	return out, nil
}

func (s *snapshot) judgeBackend(r *httpRoute, to objectOfKind) *refusal {
	key := types.NamespacedName{Namespace: cmp.Or(to.Namespace, r.Namespace), Name: to.Name}
	switch {
	case to.Group != "" || cmp.Or(to.Kind, "Service") != "Service":
		return refuse("ResolvedRefs", "InvalidKind", "want a Service, not a %s", to.Kind)
	case key.Namespace != r.Namespace: // a ReferenceGrant is not understood
		return refuse("ResolvedRefs", "RefNotPermitted", "Service %s is in another namespace", key)
	case s.services[key] == nil:
		return refuse("ResolvedRefs", "BackendNotFound", "there is no Service %s", key)
	default:
		return nil
	}
}

func routedIngress(r *httpRoute, hosts []string, paths []networkingv1.HTTPIngressPath) *networkingv1.Ingress {
	out := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name, CreationTimestamp: r.CreationTimestamp}}
	for _, host := range hosts {
		out.Spec.Rules = append(out.Spec.Rules, networkingv1.IngressRule{
			Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}},
		})
	}
	return out
}

// certificateIngress has the hosts served with the listener's certificate, which is in the Gateway's namespace.
func certificateIngress(g *gateway, l listener, hosts []string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Name, CreationTimestamp: g.CreationTimestamp},
		Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: slices.Clone(hosts), SecretName: l.certificate()}}},
	}
}

func (l listener) certificate() string {
	if len(l.TLS.CertificateRefs) == 0 {
		return ""
	}
	return l.TLS.CertificateRefs[0].Name
}
