package render

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/securedmcp/operator/api/config/compile"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// RuntimeConfig returns what s renders to, with every default written out and
// every list in an order that does not depend on the order in the spec. The
// same spec always renders to the same bytes of config.Encode.
//
// A spec that cannot be served is a config.FieldErrors whose paths are those of
// the manifest, in the order of the manifest: "spec.tools[1].inputSchema".
func RuntimeConfig(s *v1alpha1.SecuredMCPServer) (*config.RuntimeConfig, error) {
	return Cluster{}.RuntimeConfig(s)
}

// RuntimeConfig is the function of this name for servers of this cluster.
func (c Cluster) RuntimeConfig(s *v1alpha1.SecuredMCPServer) (*config.RuntimeConfig, error) {
	out, errs := translate(s)
	if len(errs) == 0 {
		errs = slices.Concat(check(out), checkPorts(s), c.checkEgress(s))
	}
	if len(errs) > 0 {
		return nil, errs
	}
	sortLists(out)
	return out, nil
}

func translate(s *v1alpha1.SecuredMCPServer) (*config.RuntimeConfig, config.FieldErrors) {
	spec := &s.Spec
	tools, errs := toolsOf(spec.Tools)
	tracing, more := tracingOf(spec.Telemetry.Tracing)
	errs = append(errs, more...)
	return &config.RuntimeConfig{
		APIVersion:     config.APIVersion,
		Kind:           config.Kind,
		Name:           qualifiedName(s),
		Title:          spec.Title,
		Resource:       spec.Resource,
		Issuer:         spec.Issuer,
		Audience:       cmp.Or(spec.Audience, spec.Resource),
		Scopes:         scopesOf(spec.Scopes),
		RequiredScopes: slices.Clone(spec.RequiredScopes),
		Tokens:         tokensOf(&spec.Tokens),
		Upstreams:      upstreamsOf(spec.Upstreams),
		Tools:          tools,
		Authentication: authenticationOf(&spec.Authentication),
		Revocation:     revocationOf(&spec.Revocation),
		AllowedOrigins: slices.Clone(spec.AllowedOrigins),
		Limits:         limitsOf(&spec.Limits),
		RateLimit:      rateLimitOf(spec.RateLimit),
		Tracing:        tracing,
		TLS:            tlsOf(spec.Exposure.TLS),
		LogLevel:       string(cmp.Or(spec.Workload.LogLevel, v1alpha1.LogLevelInfo)),
	}, errs
}

// check runs on the order of the manifest, so that "tools[1]" is the second
// tool that the person wrote. What does not compile is reported beside what is
// invalid, unless the same field is.
func check(c *config.RuntimeConfig) config.FieldErrors {
	errs := manifestErrors(c.Validate())
	for _, e := range manifestErrors(compile.Check(c)) {
		if !slices.ContainsFunc(errs, func(known config.FieldError) bool { return known.Path == e.Path }) {
			errs = append(errs, e)
		}
	}
	return errs
}

func qualifiedName(s *v1alpha1.SecuredMCPServer) string {
	if s.Namespace == "" || s.Name == "" {
		return s.Name
	}
	return s.Namespace + "/" + s.Name
}

func scopesOf(in []v1alpha1.Scope) []config.Scope {
	var out []config.Scope
	for _, s := range in {
		out = append(out, config.Scope{Name: s.Name, Description: s.Description, Implies: slices.Clone(s.Implies), GrantedBy: s.GrantedBy})
	}
	return out
}

func upstreamsOf(in []v1alpha1.Upstream) []config.Upstream {
	var out []config.Upstream
	for _, u := range in {
		up := config.Upstream{Name: u.Name, TimeoutSeconds: cmp.Or(int(u.TimeoutSeconds), config.DefaultUpstreamTimeoutSeconds)}
		if u.HTTP != nil {
			up.HTTP = &config.HTTPUpstream{URL: u.HTTP.URL}
		}
		out = append(out, up)
	}
	return out
}

func toolsOf(in []v1alpha1.Tool) ([]config.Tool, config.FieldErrors) {
	var (
		out  []config.Tool
		errs config.FieldErrors
	)
	for i := range in {
		t := &in[i]
		schema, err := canonicalJSON(t.InputSchema.Raw)
		if err != nil {
			errs = append(errs, config.FieldError{Path: fmt.Sprintf("spec.tools[%d].inputSchema", i), Detail: err.Error()})
		}
		out = append(out, config.Tool{
			Name:        t.Name,
			Title:       t.Title,
			Description: t.Description,
			Annotations: annotationsOf(t.Annotations),
			Scopes:      slices.Clone(t.Scopes),
			InputSchema: schema,
			Upstream:    t.Upstream,
			HTTP:        httpOf(t.HTTP),

			Authentication: authenticationOf(&t.Authentication),
		})
	}
	return out, errs
}

func annotationsOf(in *v1alpha1.ToolAnnotations) *config.ToolAnnotations {
	if in == nil {
		return nil
	}
	return &config.ToolAnnotations{
		ReadOnlyHint:    in.ReadOnlyHint,
		DestructiveHint: in.DestructiveHint,
		IdempotentHint:  in.IdempotentHint,
		OpenWorldHint:   in.OpenWorldHint,
	}
}

func httpOf(in *v1alpha1.HTTPTool) *config.HTTPTool {
	if in == nil {
		return nil
	}
	return &config.HTTPTool{Method: string(in.Method), Path: in.Path}
}

// sortLists makes the revision independent of the order in which field managers
// happened to add entries. Lists whose order means something stay.
func sortLists(c *config.RuntimeConfig) {
	for _, set := range [][]string{
		c.RequiredScopes, c.Tokens.Algorithms, c.AllowedOrigins, c.Revocation.Subjects, c.Revocation.Clients, c.Revocation.TokenIDs,
	} {
		slices.Sort(set)
	}
	slices.SortFunc(c.Scopes, func(a, b config.Scope) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Upstreams, func(a, b config.Upstream) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Tools, func(a, b config.Tool) int { return cmp.Compare(a.Name, b.Name) })
	for i := range c.Scopes {
		slices.Sort(c.Scopes[i].Implies)
	}
	for i := range c.Tools {
		slices.Sort(c.Tools[i].Scopes)
	}
}
