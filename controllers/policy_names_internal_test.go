package controllers

import (
	"testing"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestAnnotationsAndLabelsThatAreAllowed(t *testing.T) {
	const (
		alias   = "nginx.ingress.kubernetes.io/server-alias"
		timeout = "nginx.ingress.kubernetes.io/proxy-read-timeout"
		network = "k8s.v1.cni.cncf.io/networks"
	)
	bounded := Policy{AllowedHosts: map[string][]string{AnyNamespace: {"*"}}}
	with := func(change func(*Policy)) Policy {
		p := bounded
		change(&p)
		return p
	}
	ingress := func(name string) v1alpha1.SecuredMCPServerSpec {
		return v1alpha1.SecuredMCPServerSpec{Exposure: v1alpha1.Exposure{Ingress: &v1alpha1.Ingress{Annotations: map[string]string{name: "x"}}}}
	}
	annotated := func(name string) v1alpha1.SecuredMCPServerSpec {
		return v1alpha1.SecuredMCPServerSpec{Workload: v1alpha1.Workload{PodAnnotations: map[string]string{name: "x"}}}
	}
	labelled := func(name string) v1alpha1.SecuredMCPServerSpec {
		return v1alpha1.SecuredMCPServerSpec{Workload: v1alpha1.Workload{PodLabels: map[string]string{name: "x"}}}
	}
	tests := map[string]struct {
		policy Policy
		spec   v1alpha1.SecuredMCPServerSpec
		want   string
	}{
		"anything, without a policy":                            {Policy{}, ingress(alias), ""},
		"nothing, with bounded hosts":                           {bounded, v1alpha1.SecuredMCPServerSpec{}, ""},
		"an alias of the host, with bounded hosts":              {bounded, ingress(alias), v1alpha1.ReasonAnnotationNotAllowed},
		"a timeout, with bounded hosts":                         {bounded, ingress(timeout), ""},
		"a timeout's name in capitals":                          {bounded, ingress("nginx.ingress.kubernetes.io/Proxy-Read-Timeout"), v1alpha1.ReasonAnnotationNotAllowed},
		"a name that goes on behind an allowed one":             {bounded, ingress(timeout + "-x"), v1alpha1.ReasonAnnotationNotAllowed},
		"another network for pods, with bounded hosts":          {bounded, annotated(network), v1alpha1.ReasonAnnotationNotAllowed},
		"a label, with bounded hosts":                           {bounded, labelled("app"), v1alpha1.ReasonLabelNotAllowed},
		"an alias that is allowed by name":                      {with(func(p *Policy) { p.AllowedIngressAnnotations = []string{alias} }), ingress(alias), ""},
		"a timeout that a list of others leaves out":            {with(func(p *Policy) { p.AllowedIngressAnnotations = []string{alias} }), ingress(timeout), v1alpha1.ReasonAnnotationNotAllowed},
		"an alias below a domain that is allowed":               {with(func(p *Policy) { p.AllowedIngressAnnotations = []string{"nginx.ingress.kubernetes.io/*"} }), ingress(alias), ""},
		"a domain that only begins alike":                       {with(func(p *Policy) { p.AllowedIngressAnnotations = []string{"nginx.ingress.kubernetes.io/*"} }), ingress("nginx.ingress.kubernetes.io.example/x"), v1alpha1.ReasonAnnotationNotAllowed},
		"everything on an Ingress, which is nothing on pods":    {with(func(p *Policy) { p.AllowedIngressAnnotations = []string{AnyName} }), annotated(network), v1alpha1.ReasonAnnotationNotAllowed},
		"any annotation of pods":                                {with(func(p *Policy) { p.AllowedPodAnnotations = []string{AnyName} }), annotated(network), ""},
		"any label of pods":                                     {with(func(p *Policy) { p.AllowedPodLabels = []string{AnyName} }), labelled("app"), ""},
		"none at all, though hosts are free":                    {Policy{AllowedIngressAnnotations: []string{}}, ingress(timeout), v1alpha1.ReasonAnnotationNotAllowed},
		"pods as they like, though no Ingress may be annotated": {Policy{AllowedIngressAnnotations: []string{}}, annotated(network), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &v1alpha1.SecuredMCPServer{Spec: test.spec}
			s.Namespace, s.Spec.Resource = "billing", "https://mcp.example.com/x"
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
