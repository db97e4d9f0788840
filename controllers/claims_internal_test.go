package controllers

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestCanonicalIsEqualForEqualURIs(t *testing.T) {
	tests := map[string]struct{ resource, want string }{
		"as written":                          {"https://mcp.example.com/billing", "https://mcp.example.com/billing"},
		"scheme and host in upper case":       {"HTTPS://MCP.Example.com/billing", "https://mcp.example.com/billing"},
		"the scheme's default port":           {"https://mcp.example.com:443/billing", "https://mcp.example.com/billing"},
		"the default port of another scheme":  {"https://mcp.example.com:80/billing", "https://mcp.example.com:80/billing"},
		"a path is case-sensitive":            {"https://mcp.example.com/Billing", "https://mcp.example.com/Billing"},
		"what is no URI is itself":            {"https://%zz", "https://%zz"},
		"an IPv6 host and the default port":   {"http://[::1]:80", "http://[::1]"},
		"a port that ends like the default's": {"https://mcp.example.com:1443", "https://mcp.example.com:1443"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := canonical(test.resource); got != test.want {
				t.Errorf("canonical %q, want %q", got, test.want)
			}
		})
	}
}

func TestOlderOrdersAnyTwoServers(t *testing.T) {
	server := func(second int64, namespace, name string) *v1alpha1.SecuredMCPServer {
		return &v1alpha1.SecuredMCPServer{ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.NewTime(time.Unix(second, 0)), Namespace: namespace, Name: name,
		}}
	}
	tests := map[string]struct{ first, second *v1alpha1.SecuredMCPServer }{
		"age before name":                   {server(1, "z", "z"), server(2, "a", "a")},
		"namespace for servers of one age":  {server(1, "a", "z"), server(1, "b", "a")},
		"name for servers of one namespace": {server(1, "a", "a"), server(1, "a", "b")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !older(test.first, test.second) || older(test.second, test.first) {
				t.Error("the second is older")
			}
		})
	}
}

func TestClaimsCollideWhereOneURLWouldHaveTwoServers(t *testing.T) {
	tests := map[string]struct {
		a, b       string
		ingressOfA bool
		collide    bool
	}{
		"one resource":                 {"https://a.example.com/x", "https://a.example.com/x", true, true},
		"one resource, no Ingress":     {"https://a.example.com/x", "https://a.example.com/x", false, true},
		"another path":                 {"https://a.example.com/x", "https://a.example.com/y", true, false},
		"a longer path":                {"https://a.example.com/x", "https://a.example.com/x/y", true, false},
		"another host":                 {"https://a.example.com/x", "https://b.example.com/x", true, false},
		"another port":                 {"https://a.example.com:8443/x", "https://a.example.com/x", true, true},
		"two other ports":              {"https://a.example.com:8443/x", "https://a.example.com:9443/x", true, true},
		"another port, no Ingress":     {"https://a.example.com:8443/x", "https://a.example.com/x", false, false},
		"another port, upper case":     {"https://A.Example.com:8443", "https://a.example.com", true, true},
		"the place of others metadata": {"https://a.example.com/.well-known/oauth-protected-resource/x", "https://a.example.com/x", true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := claimsOf(test.a, test.ingressOfA), claimsOf(test.b, true)
			if got := slices.ContainsFunc(a, func(claim string) bool { return slices.Contains(b, claim) }); got != test.collide {
				t.Errorf("%v and %v collide: %t, want %t", a, b, got, test.collide)
			}
		})
	}
}
