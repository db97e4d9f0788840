package render_test

import (
	"testing"

	"github.com/securedmcp/operator/controllers/render"
)

func TestHostsThatAreServices(t *testing.T) {
	tests := map[string]struct {
		domain, url, want string
	}{
		"a name alone is of the same namespace":           {"", "http://billing-api:8080", "home"},
		"name.namespace.svc":                              {"", "http://billing-api.billing.svc:8080", "billing"},
		"in capitals":                                     {"", "http://Billing-API.Billing.SVC", "billing"},
		"with the domain of the cluster":                  {"", "http://billing-api.billing.svc.cluster.local", "billing"},
		"with the dot of the root":                        {"", "http://billing-api.billing.svc.cluster.local.", "billing"},
		"with a domain of its own":                        {"k8s.example", "http://billing-api.billing.svc.k8s.example", "billing"},
		"with the usual domain where that is another one": {"k8s.example", "http://billing-api.billing.svc.cluster.local", ""},
		"with a domain of the internet":                   {"", "http://x.kube-system.svc.evil.example", ""},
		"with the cluster's domain further ahead":         {"", "http://x.kube-system.svc.cluster.local.evil.example", ""},
		"with a domain that ends like the cluster's":      {"", "http://x.kube-system.svc.evilcluster.local", ""},
		"with the cluster's domain twice":                 {"", "http://x.kube-system.svc.svc.cluster.local", ""},
		"name.namespace":                                  {"", "http://billing-api.billing", ""},
		"no name":                                         {"", "http://.billing.svc", ""},
		"no namespace":                                    {"", "http://billing-api.svc", ""},
		"a pod of a Service":                              {"", "http://pod-0.billing-api.billing.svc", ""},
		"an address of the internet":                      {"", "http://192.0.2.1:8080", ""},
		"an address of IPv6":                              {"", "http://[fd00::1]:8080", ""},
		"no host":                                         {"", "http://:8080", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := render.Cluster{Domain: test.domain}.ServiceNamespace(test.url, "home")
			if got != test.want || ok != (test.want != "") {
				t.Errorf("%s is in namespace %q (%v), want %q", test.url, got, ok, test.want)
			}
		})
	}
}
