package controllers

import (
	"testing"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestHostsAndImagesThatAreAllowed(t *testing.T) {
	hosts := map[string][]string{
		"billing":    {"mcp.example.com", "*.billing.example.com"},
		AnyNamespace: {"*.shared.example.com"},
	}
	tests := map[string]struct {
		policy               Policy
		namespace, host, img string
		want                 string
	}{
		"no policy":                         {Policy{}, "any", "any.example.com", "any/image:1", ""},
		"the namespace's host":              {Policy{AllowedHosts: hosts}, "billing", "mcp.example.com", "", ""},
		"in another case":                   {Policy{AllowedHosts: hosts}, "billing", "MCP.Example.Com", "", ""},
		"with a port":                       {Policy{AllowedHosts: hosts}, "billing", "mcp.example.com:8443", "", ""},
		"below the namespace's domain":      {Policy{AllowedHosts: hosts}, "billing", "a.b.billing.example.com", "", ""},
		"the domain itself":                 {Policy{AllowedHosts: hosts}, "billing", "billing.example.com", "", v1alpha1.ReasonHostNotAllowed},
		"a domain that only ends alike":     {Policy{AllowedHosts: hosts}, "billing", "evilbilling.example.com", "", v1alpha1.ReasonHostNotAllowed},
		"below a shared domain":             {Policy{AllowedHosts: hosts}, "shop", "shop.shared.example.com", "", ""},
		"another namespace's host":          {Policy{AllowedHosts: hosts}, "shop", "mcp.example.com", "", v1alpha1.ReasonHostNotAllowed},
		"hosts for one namespace only":      {Policy{AllowedHosts: map[string][]string{"billing": {"*"}}}, "shop", "mcp.example.com", "", v1alpha1.ReasonHostNotAllowed},
		"every host of one namespace":       {Policy{AllowedHosts: map[string][]string{"billing": {"*"}}}, "billing", "mcp.example.com", "", ""},
		"an image below a prefix":           {Policy{AllowedImagePrefixes: []string{"a.example/", "b.example/team/"}}, "x", "h", "b.example/team/image:1", ""},
		"the operator's image":              {Policy{AllowedImagePrefixes: []string{"a.example/"}}, "x", "h", "", ""},
		"an image of another registry":      {Policy{AllowedImagePrefixes: []string{"a.example/"}}, "x", "h", "evil.example/image:1", v1alpha1.ReasonImageNotAllowed},
		"an image that has the prefix late": {Policy{AllowedImagePrefixes: []string{"a.example/"}}, "x", "h", "evil.example/a.example/image:1", v1alpha1.ReasonImageNotAllowed},
		"below a prefix without its end":    {Policy{AllowedImagePrefixes: []string{"a.example/team"}}, "x", "h", "a.example/team/image:1", ""},
		"the prefix itself":                 {Policy{AllowedImagePrefixes: []string{"a.example/team"}}, "x", "h", "a.example/team", ""},
		"the prefix and a tag":              {Policy{AllowedImagePrefixes: []string{"a.example/team"}}, "x", "h", "a.example/team:1", ""},
		"the prefix and a digest":           {Policy{AllowedImagePrefixes: []string{"a.example/team"}}, "x", "h", "a.example/team@sha256:0123", ""},
		"a team whose name begins alike":    {Policy{AllowedImagePrefixes: []string{"a.example/team"}}, "x", "h", "a.example/team-evil/image:1", v1alpha1.ReasonImageNotAllowed},
		"any tag of an image":               {Policy{AllowedImagePrefixes: []string{"a.example/team/image:"}}, "x", "h", "a.example/team/image:2", ""},
		"a tag that begins alike":           {Policy{AllowedImagePrefixes: []string{"a.example/team/image:1"}}, "x", "h", "a.example/team/image:1-evil", v1alpha1.ReasonImageNotAllowed},
		"another port of the host":          {Policy{AllowedImagePrefixes: []string{"a.example"}}, "x", "h", "a.example:5000/image", v1alpha1.ReasonImageNotAllowed},
		"no prefix at all":                  {Policy{AllowedImagePrefixes: []string{""}}, "x", "h", "a.example/image", v1alpha1.ReasonImageNotAllowed},
		"a tag and a digest":                {Policy{AllowedImagePrefixes: []string{"a.example/team/image:1"}}, "x", "h", "a.example/team/image:1@sha256:0123", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &v1alpha1.SecuredMCPServer{}
			s.Namespace, s.Spec.Resource, s.Spec.Workload.Image = test.namespace, "https://"+test.host+"/x", test.img
			got := ""
			if o := test.policy.object(s); o != nil {
				got = o.reason
			}
			if got != test.want {
				t.Errorf("objection %q, want %q", got, test.want)
			}
		})
	}
}
