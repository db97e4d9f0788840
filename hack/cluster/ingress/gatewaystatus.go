package ingress

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// decide sets the conditions: False where it is refused, else True.
func decide(conditions *[]metav1.Condition, generation int64, kinds []string, refused ...*refusal) {
	for _, kind := range kinds {
		condition := metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: kind, ObservedGeneration: generation}
		for _, r := range refused {
			if r != nil && r.kind == kind {
				condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, r.reason, r.message
				break
			}
		}
		meta.SetStatusCondition(conditions, condition)
	}
}

func judgeClass(c *gatewayClass) {
	decide(&c.Status.Conditions, c.Generation, []string{"Accepted"})
}

func (s *snapshot) judgeGateway(g *gateway, address string) {
	before := g.Status.Listeners
	g.Status.Addresses = []gatewayAddress{{Type: "IPAddress", Value: address}}
	g.Status.Listeners = nil
	var invalid *refusal
	for _, l := range g.Spec.Listeners {
		status := listenerStatus{Name: l.Name, SupportedKinds: []routeKind{{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}}}
		if i := slices.IndexFunc(before, func(b listenerStatus) bool { return b.Name == l.Name }); i >= 0 {
			status.Conditions = before[i].Conditions // with the times of their transitions
		}
		refused := s.judgeListener(g, l)
		programmed := refused
		if refused != nil {
			programmed = refuse("Programmed", "Invalid", "%s", refused.message)
			invalid = cmp.Or(invalid, refuse("Programmed", "Invalid", "listener %s: %s", l.Name, refused.message))
		}
		decide(&status.Conditions, g.Generation, []string{"Accepted", "Programmed", "ResolvedRefs"}, refused, programmed)
		g.Status.Listeners = append(g.Status.Listeners, status)
	}
	decide(&g.Status.Conditions, g.Generation, []string{"Accepted", "Programmed"}, invalid)
}

func (s *snapshot) judgeListener(g *gateway, l listener) *refusal {
	switch {
	case l.Protocol == "HTTP" && l.Port == httpPort:
		return nil
	case l.Protocol != "HTTPS" && l.Protocol != "HTTP":
		return refuse("Accepted", "UnsupportedProtocol", "want HTTP or HTTPS, not %s", l.Protocol)
	case l.Protocol == "HTTP" || l.Port != httpsPort:
		return refuse("Accepted", "PortUnavailable", "want port %d for HTTP or %d for HTTPS, not %d", httpPort, httpsPort, l.Port)
	case l.TLS.Mode == "Passthrough" || len(l.TLS.CertificateRefs) != 1:
		return refuse("ResolvedRefs", "InvalidCertificateRef", "want one certificate")
	}
	ref := l.TLS.CertificateRefs[0]
	if ref.Namespace != "" && ref.Namespace != g.Namespace { // a ReferenceGrant is not understood
		return refuse("ResolvedRefs", "RefNotPermitted", "Secret %s is in another namespace", ref.Name)
	}
	if s.secrets[types.NamespacedName{Namespace: g.Namespace, Name: ref.Name}] == nil {
		return refuse("ResolvedRefs", "InvalidCertificateRef", "there is no Secret %s", ref.Name)
	}
	return nil
}

// judgeRoute writes what comes of r at one parent; what other controllers wrote stays.
func (s *snapshot) judgeRoute(r *httpRoute, ref parentRef, refused ...*refusal) {
	parent := routeParent{ParentRef: ref, ControllerName: ControllerName}
	i := slices.IndexFunc(r.Status.Parents, func(p routeParent) bool { return p.ParentRef == ref && p.ControllerName == ControllerName })
	if i >= 0 {
		parent.Conditions = r.Status.Parents[i].Conditions
	}
	decide(&parent.Conditions, r.Generation, []string{"Accepted", "ResolvedRefs"}, refused...)
	if i >= 0 {
		r.Status.Parents[i] = parent
	} else {
		r.Status.Parents = append(r.Status.Parents, parent)
	}
}

// forgetParents drops what we wrote of parents that are no longer the route's, or no longer ours.
func (s *snapshot) forgetParents(r *httpRoute) {
	r.Status.Parents = slices.DeleteFunc(r.Status.Parents, func(p routeParent) bool {
		key := types.NamespacedName{Namespace: cmp.Or(p.ParentRef.Namespace, r.Namespace), Name: p.ParentRef.Name}
		return p.ControllerName == ControllerName && (s.gateways[key] == nil || !slices.Contains(r.Spec.ParentRefs, p.ParentRef))
	})
}
