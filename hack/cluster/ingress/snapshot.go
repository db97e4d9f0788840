package ingress

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// ClassName is the ingressClassName that this controller serves.
const ClassName = "nginx"

// snapshot is all that the configuration depends on, at one moment.
type snapshot struct {
	ingresses []*networkingv1.Ingress
	services  map[types.NamespacedName]*corev1.Service
	secrets   map[types.NamespacedName]*corev1.Secret
	slices    map[types.NamespacedName][]*discoveryv1.EndpointSlice // by Service

	classes  []*gatewayClass
	gateways map[types.NamespacedName]*gateway
	routes   []*httpRoute
	// routed are the routes that Gateways of ours serve, as the Ingresses that say the same; attachRoutes adds them.
	routed   []*networkingv1.Ingress
	attached map[listenerKey]int32 // how many routes
}

// ours says whether the Ingress is of our class, by its field or by the annotation that came before the field.
func ours(ing *networkingv1.Ingress) bool {
	if ing.Spec.IngressClassName != nil {
		return *ing.Spec.IngressClassName == ClassName
	}
	return ing.Annotations["kubernetes.io/ingress.class"] == ClassName
}

// addresses lists the ready "ip:port" endpoints of a Service port, sorted, each once.
func (s *snapshot) addresses(service types.NamespacedName, port networkingv1.ServiceBackendPort) []string {
	name, ok := portName(s.services[service], port)
	if !ok {
		return nil
	}
	var out []string
	for _, slice := range s.slices[service] {
		out = append(out, readyAddresses(slice, name)...)
	}
	return sortedUnique(out)
}

// portName finds the name under which the EndpointSlices list a Service port; a single port may have none.
func portName(service *corev1.Service, want networkingv1.ServiceBackendPort) (string, bool) {
	if service == nil {
		return "", false
	}
	for _, p := range service.Spec.Ports {
		if (want.Name != "" && p.Name == want.Name) || (want.Name == "" && p.Port == want.Number) {
			return p.Name, true
		}
	}
	return "", false
}

func readyAddresses(slice *discoveryv1.EndpointSlice, port string) []string {
	var out []string
	for _, p := range slice.Ports {
		if p.Port == nil || deref(p.Name) != port {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue // unset means ready
			}
			for _, a := range e.Addresses {
				out = append(out, joinHostPort(a, *p.Port))
			}
		}
	}
	return out
}

func newSnapshot() *snapshot {
	return &snapshot{
		services: map[types.NamespacedName]*corev1.Service{},
		secrets:  map[types.NamespacedName]*corev1.Secret{},
		slices:   map[types.NamespacedName][]*discoveryv1.EndpointSlice{},
		gateways: map[types.NamespacedName]*gateway{},
		attached: map[listenerKey]int32{},
	}
}

func (s *snapshot) addIngress(ing *networkingv1.Ingress) {
	if ours(ing) {
		s.ingresses = append(s.ingresses, ing)
	}
}

func (s *snapshot) addService(service *corev1.Service) {
	s.services[types.NamespacedName{Namespace: service.Namespace, Name: service.Name}] = service
}

func (s *snapshot) addSecret(secret *corev1.Secret) {
	s.secrets[types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}] = secret
}

func (s *snapshot) addSlice(slice *discoveryv1.EndpointSlice) {
	service := types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
	s.slices[service] = append(s.slices[service], slice)
}

func (s *snapshot) addClass(object *unstructured.Unstructured) error {
	c := new(gatewayClass)
	if object.GetName() == ClassName {
		s.classes = append(s.classes, c)
	}
	return decode(object, c)
}

func (s *snapshot) addGateway(object *unstructured.Unstructured) error {
	g := new(gateway)
	if err := decode(object, g); err != nil || g.Spec.GatewayClassName != ClassName {
		return err
	}
	s.gateways[types.NamespacedName{Namespace: g.Namespace, Name: g.Name}] = g
	return nil
}

func (s *snapshot) addRoute(object *unstructured.Unstructured) error {
	r := new(httpRoute)
	s.routes = append(s.routes, r)
	return decode(object, r)
}
