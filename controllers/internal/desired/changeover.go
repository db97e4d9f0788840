package desired

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
)

// changeoverSeconds is for how long a pod has to be ready before one that speaks the
// other protocol is deleted in its place: time for the operator to lead the routes
// there, for another one if that takes over meanwhile, which takes 17 s, and for the
// controllers of the routes to follow.
const changeoverSeconds = 30

// OpenBoth has the children of a server serve plain HTTP and TLS, each on the port of its
// own, for as long as there are pods of both kinds.
func OpenBoth(service *corev1ac.ServiceApplyConfiguration, policy *networkingv1ac.NetworkPolicyApplyConfiguration, d *appsv1ac.DeploymentApplyConfiguration) {
	service.Spec.Ports = nil
	service.Spec.WithPorts(servicePort(plain), servicePort(secure))
	public := &policy.Spec.Ingress[0]
	public.Ports = nil
	public.WithPorts(tcp(plain.container), tcp(secure.container))
	d.Spec.WithMinReadySeconds(changeoverSeconds)
}

// SpeaksTLS tells whether the template of a Deployment is of pods that speak TLS.
func SpeaksTLS(d *appsv1ac.DeploymentApplyConfiguration) bool {
	if d.Spec == nil || d.Spec.Template == nil || d.Spec.Template.Spec == nil {
		return false
	}
	for i := range d.Spec.Template.Spec.Containers {
		for _, port := range d.Spec.Template.Spec.Containers[i].Ports {
			if port.Name != nil && *port.Name == PortHTTPS {
				return true
			}
		}
	}
	return false
}

// LeadIngress has an Ingress lead to the pods that speak TLS, or to those that do
// not. An annotation that says otherwise gives way. It tells whether there is a rule to
// do that with, and changes nothing if there is none.
func LeadIngress(in *networkingv1ac.IngressApplyConfiguration, tls bool) bool {
	backends := backendsOf(in)
	if len(backends) == 0 {
		return false
	}
	for _, backend := range backends {
		backend.WithPort(networkingv1ac.ServiceBackendPort().WithName(listenerOf(tls).name))
	}
	switch said := in.Annotations[annotationBackendProtocol]; {
	case tls && (said == "" || strings.EqualFold(said, backendHTTP)):
		in.WithAnnotations(map[string]string{annotationBackendProtocol: backendHTTPS})
	case !tls && strings.EqualFold(said, backendHTTPS):
		delete(in.Annotations, annotationBackendProtocol)
	}
	return true
}

// backendsOf returns the Services that in leads to.
func backendsOf(in *networkingv1ac.IngressApplyConfiguration) []*networkingv1ac.IngressServiceBackendApplyConfiguration {
	if in.Spec == nil {
		return nil
	}
	var all []*networkingv1ac.IngressServiceBackendApplyConfiguration
	for _, rule := range in.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			if path.Backend != nil && path.Backend.Service != nil {
				all = append(all, path.Backend.Service)
			}
		}
	}
	return all
}

// IngressLeadsToTLS tells whether in leads to pods that speak TLS.
func IngressLeadsToTLS(in *networkingv1.Ingress) bool {
	for i := range in.Spec.Rules {
		if in.Spec.Rules[i].HTTP == nil {
			continue
		}
		for j := range in.Spec.Rules[i].HTTP.Paths {
			service := in.Spec.Rules[i].HTTP.Paths[j].Backend.Service
			return service != nil && service.Port.Name == PortHTTPS
		}
	}
	return false
}

// LeadHTTPRoute has an HTTPRoute lead to the pods that speak TLS, or to those that
// do not. It tells whether there is a rule to do that with.
func LeadHTTPRoute(o *unstructured.Unstructured, tls bool) bool {
	var leads bool
	eachBackend(o, func(ref map[string]any) { ref["port"], leads = int64(listenerOf(tls).service), true })
	return leads
}

// HTTPRouteLeadsToTLS tells whether o leads to pods that speak TLS.
func HTTPRouteLeadsToTLS(o *unstructured.Unstructured) bool {
	var leads bool
	eachBackend(o, func(ref map[string]any) { leads = ref["port"] == int64(secure.service) })
	return leads
}

func eachBackend(o *unstructured.Unstructured, do func(map[string]any)) {
	spec, _ := o.Object["spec"].(map[string]any)
	for _, rule := range objectsOf(spec["rules"]) {
		for _, ref := range objectsOf(rule["backendRefs"]) {
			do(ref)
		}
	}
}

// objectsOf returns the objects of a list.
func objectsOf(list any) []map[string]any {
	items, _ := list.([]any)
	var all []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}
