package v1alpha1

import (
	"net/url"
	"strings"
)

func validateTracing(t *Tracing, errs *FieldErrors) {
	if t == nil {
		return
	}
	// Collectors are inside the cluster as a rule, so http is allowed.
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(t.Endpoint, "#") {
		errs.add("tracing.endpoint", "%q is not an http or https URL without user information, query and fragment; want for example http://collector.observability:4318", t.Endpoint)
	} else if err := checkASCII(t.Endpoint); err != nil {
		errs.add("tracing.endpoint", "%v", err)
	}
	// Written so that NaN fails too.
	if r := t.SampleRatio; r != nil && !(*r >= 0 && *r <= 1) {
		errs.add("tracing.sampleRatio", "%v: want 0 to 1", *r)
	}
}
