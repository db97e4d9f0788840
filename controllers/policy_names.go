package controllers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// AnyName is the pattern of every annotation or label.
const AnyName = "*"

// harmlessIngressAnnotations are allowed where hosts are bounded and nobody has
// said which annotations are. Their values are numbers, which route nothing, and
// neither name another host nor draw a certificate for one.
var harmlessIngressAnnotations = []string{
	"nginx.ingress.kubernetes.io/limit-connections",
	"nginx.ingress.kubernetes.io/limit-rpm",
	"nginx.ingress.kubernetes.io/limit-rps",
	"nginx.ingress.kubernetes.io/proxy-connect-timeout",
	"nginx.ingress.kubernetes.io/proxy-read-timeout",
	"nginx.ingress.kubernetes.io/proxy-send-timeout",
}

// objectToIngressNames objects to annotations by which a server would be given what no
// field gives, such as another host.
func (p *Policy) objectToIngressNames(s *v1alpha1.SecuredMCPServer) *objection {
	if in := s.Spec.Exposure.Ingress; in != nil {
		return p.objectToIngressAnnotations(in.Annotations)
	}
	return nil
}

// objectToPodNames objects likewise to annotations and labels of the pods: another
// network, another identity.
func (p *Policy) objectToPodNames(s *v1alpha1.SecuredMCPServer) *objection {
	w := &s.Spec.Workload
	if o := unlisted(w.PodAnnotations, p.names(p.AllowedPodAnnotations, nil), "spec.workload.podAnnotations", "--allowed-pod-annotations"); o != nil {
		return o
	}
	if o := unlisted(w.PodLabels, p.names(p.AllowedPodLabels, nil), "spec.workload.podLabels", "--allowed-pod-labels"); o != nil {
		o.reason = v1alpha1.ReasonLabelNotAllowed
		return o
	}
	return nil
}

func (p *Policy) objectToIngressAnnotations(given map[string]string) *objection {
	allowed := p.names(p.AllowedIngressAnnotations, harmlessIngressAnnotations)
	return unlisted(given, allowed, "spec.exposure.ingress.annotations", "--allowed-ingress-annotations")
}

// names are the patterns that count. A cluster that bounds hosts is shared, and
// what could undo the bound is allowed by name or not at all.
func (p *Policy) names(list, safe []string) []string {
	switch {
	case list != nil:
		return list
	case len(p.AllowedHosts) > 0:
		return safe
	default:
		return []string{AnyName}
	}
}

// unlisted objects to the names that no pattern allows.
func unlisted(given map[string]string, allowed []string, path, flag string) *objection {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(given)), func(name string) bool {
		return slices.ContainsFunc(allowed, func(pattern string) bool { return nameMatches(pattern, name) })
	})
	if len(names) == 0 {
		return nil
	}
	return &objection{v1alpha1.ReasonAnnotationNotAllowed, fmt.Sprintf(
		"%s: %s: not allowed; allowed: %s (the operator's %s)", path, listed(names), listed(allowed), flag)}
}

// nameMatches compares letter by letter: names of annotations and labels have no
// other case.
func nameMatches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
