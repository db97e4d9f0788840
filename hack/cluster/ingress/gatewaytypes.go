package ingress

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is understood of the objects of Gateway API. Its own Go types are not a dependency of the cluster.

type gatewayClass struct {
	metav1.ObjectMeta `json:"metadata"`
	Status            gatewayClassStatus `json:"status,omitzero"`
}

type gatewayClassStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

type gateway struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		GatewayClassName string     `json:"gatewayClassName"`
		Listeners        []listener `json:"listeners"`
	} `json:"spec"`
	Status gatewayStatus `json:"status,omitzero"`
}

type listener struct {
	Name     string `json:"name"`
	Hostname string `json:"hostname,omitempty"` // "" for all
	Port     int32  `json:"port"`
	Protocol string `json:"protocol"`
	TLS      struct {
		Mode            string         `json:"mode,omitempty"`
		CertificateRefs []objectOfKind `json:"certificateRefs,omitempty"`
	} `json:"tls,omitzero"`
	AllowedRoutes struct {
		Namespaces struct {
			From string `json:"from,omitempty"`
		} `json:"namespaces,omitzero"`
	} `json:"allowedRoutes,omitzero"`
}

type objectOfKind struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Port      int32  `json:"port,omitempty"`
}

type gatewayStatus struct {
	Addresses  []gatewayAddress   `json:"addresses,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	Listeners  []listenerStatus   `json:"listeners,omitempty"`
}

type gatewayAddress struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type listenerStatus struct {
	Name           string             `json:"name"`
	SupportedKinds []routeKind        `json:"supportedKinds"`
	AttachedRoutes int32              `json:"attachedRoutes"`
	Conditions     []metav1.Condition `json:"conditions"`
}

type routeKind struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
}

type httpRoute struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ParentRefs []parentRef `json:"parentRefs"`
		Hostnames  []string    `json:"hostnames"`
		Rules      []routeRule `json:"rules"`
	} `json:"spec"`
	Status routeStatus `json:"status,omitzero"`
}

type parentRef struct {
	Group       string `json:"group,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name"`
	SectionName string `json:"sectionName,omitempty"`
	Port        int32  `json:"port,omitempty"`
}

type routeRule struct {
	Matches []struct {
		Path struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"path,omitzero"`
		Method      string `json:"method,omitempty"`
		Headers     []any  `json:"headers,omitempty"`
		QueryParams []any  `json:"queryParams,omitempty"`
	} `json:"matches,omitempty"`
	Filters     []any          `json:"filters,omitempty"`
	BackendRefs []objectOfKind `json:"backendRefs,omitempty"`
}

type routeStatus struct {
	Parents []routeParent `json:"parents"`
}

type routeParent struct {
	ParentRef      parentRef          `json:"parentRef"`
	ControllerName string             `json:"controllerName"`
	Conditions     []metav1.Condition `json:"conditions,omitempty"`
}
