package desired

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// The Gateway API has defaults for these, and so they have to be named: who
// applies a list owns all that is in it.
const (
	kindGateway = "Gateway"
	kindService = "Service"
)

// HTTPRouteVersion is the Gateway API that HTTPRoute is of.
var HTTPRouteVersion = schema.GroupVersion{Group: "gateway.networking.k8s.io", Version: "v1"}

// HTTPRoute routes the MCP endpoint and its metadata, and nothing else of the
// host, to the Service. It is nil when spec.exposure.gateway is not set.
func HTTPRoute(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	gateway := s.Spec.Exposure.Gateway
	if gateway == nil {
		return nil
	}
	host, path := endpoint(s.Spec.Resource)
	return object(s, HTTPRouteVersion.WithKind("HTTPRoute"), map[string]any{
		"parentRefs": parentRefs(gateway.ParentRefs),
		"hostnames":  []any{host},
		"rules": []any{map[string]any{
			"matches": []any{matchExactly(endpointPath(path)), matchExactly(render.MetadataPath(path))},
			"backendRefs": []any{map[string]any{
				"group": "", "kind": kindService, "name": s.Name, "port": int64(publicPort(s).service), "weight": int64(1),
			}},
		}},
	})
}

func parentRefs(in []v1alpha1.ParentRef) []any {
	var out []any
	for _, ref := range in {
		parent := map[string]any{"group": HTTPRouteVersion.Group, "kind": kindGateway, "name": ref.Name}
		if ref.Namespace != "" {
			parent["namespace"] = ref.Namespace
		}
		if ref.SectionName != "" {
			parent["sectionName"] = ref.SectionName
		}
		if ref.Port != 0 {
			parent["port"] = int64(ref.Port)
		}
		out = append(out, parent)
	}
	return out
}

func matchExactly(path string) map[string]any {
	return map[string]any{"path": map[string]any{"type": "Exact", "value": path}}
}
