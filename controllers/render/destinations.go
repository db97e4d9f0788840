package render

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// Destination is what the pods of a server connect to.
type Destination struct {
	// Path is the field that says so.
	Path string
	// URL is absolute.
	URL string
	// Outside tells that it may be outside of the cluster while egress is
	// Declared.
	Outside bool
}

// Destinations returns what the pods of s connect to, in the order of the
// manifest.
func Destinations(s *v1alpha1.SecuredMCPServer) []Destination {
	all := []Destination{{Path: "spec.issuer", URL: s.Spec.Issuer, Outside: true}}
	if uri := s.Spec.Tokens.JWKSURI; uri != "" {
		all = append(all, Destination{Path: "spec.tokens.jwksURI", URL: uri, Outside: true})
	}
	if limit := s.Spec.RateLimit; limit != nil && limit.Redis != nil {
		all = append(all, Destination{Path: "spec.rateLimit.redis.address", URL: "tcp://" + limit.Redis.Address})
	}
	if tracing := s.Spec.Telemetry.Tracing; tracing != nil {
		all = append(all, Destination{Path: "spec.telemetry.tracing.endpoint", URL: tracing.Endpoint})
	}
	for i, u := range s.Spec.Upstreams {
		if u.HTTP != nil {
			all = append(all, Destination{Path: fmt.Sprintf("spec.upstreams[%d].http.url", i), URL: u.HTTP.URL})
		}
	}
	return all
}

// ServiceNamespace returns the namespace of a URL whose host is that of a
// Service: name, which is one of the namespace home, or name.namespace.svc, with
// or without the cluster's domain. Of name.namespace nobody can tell whether it is
// a host of the internet, and name.namespace.svc.example.com is one.
func (c Cluster) ServiceNamespace(rawURL, home string) (namespace string, ok bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host != "" && !strings.ContainsAny(host, ".:") {
		return home, true
	}
	service, ok := strings.CutSuffix(host, ".svc."+c.domain())
	if !ok {
		service, ok = strings.CutSuffix(host, ".svc")
	}
	name, namespace, both := strings.Cut(service, ".")
	if !ok || !both || name == "" || len(validation.IsDNS1123Label(namespace)) > 0 {
		return "", false
	}
	return namespace, true
}

// Port returns the TCP port of a URL: that of its scheme, http or https, unless
// it names one.
func Port(rawURL string) int32 {
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0
	}
	if u.Port() == "" {
		return map[string]int32{"http": 80, "https": 443}[u.Scheme]
	}
	number, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return int32(number)
}

// checkPorts refuses ports that there are not: net/url takes any number.
func checkPorts(s *v1alpha1.SecuredMCPServer) config.FieldErrors {
	var errs config.FieldErrors
	for _, d := range append([]Destination{{Path: "spec.resource", URL: s.Spec.Resource}}, Destinations(s)...) {
		u, err := url.Parse(d.URL)
		if err != nil {
			continue // which others say
		}
		switch {
		case strings.HasSuffix(u.Host, ":"):
			errs = append(errs, config.FieldError{Path: d.Path, Detail: d.URL + ": no port follows the colon; want one, or no colon"})
		case u.Port() != "" && Port(d.URL) == 0:
			errs = append(errs, config.FieldError{Path: d.Path, Detail: fmt.Sprintf("there is no port %s; want 1 to 65535", u.Port())})
		}
	}
	return errs
}

// checkEgress refuses destinations that declared egress could not let through:
// a NetworkPolicy knows no host names.
func (c Cluster) checkEgress(s *v1alpha1.SecuredMCPServer) config.FieldErrors {
	if s.Spec.Workload.Egress != v1alpha1.EgressDeclared {
		return nil
	}
	var errs config.FieldErrors
	for _, d := range Destinations(s) {
		if _, inside := c.ServiceNamespace(d.URL, s.Namespace); !inside && !d.Outside {
			errs = append(errs, config.FieldError{Path: d.Path, Detail: fmt.Sprintf(
				"%s is not a Service of the cluster, and spec.workload.egress is %s; want a host name.namespace.svc or name.namespace.svc.%s, or egress %s",
				d.URL, v1alpha1.EgressDeclared, c.domain(), v1alpha1.EgressOpen)})
		}
	}
	return errs
}
